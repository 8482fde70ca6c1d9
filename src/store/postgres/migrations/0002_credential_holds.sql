-- What services said of credentials: that they refuse them, or want fewer requests. The key identifies
-- a credential at an endpoint, and reveals neither.
CREATE TABLE credential_hold (
    key        TEXT NOT NULL,
    kind       TEXT NOT NULL,
    held_until BIGINT NOT NULL, -- milliseconds since 1970
    detail     TEXT NOT NULL, -- JSON
    PRIMARY KEY (key, kind)
);
