//! What a person sees: events become terminal bars, plain lines, JSON lines, annotations.
