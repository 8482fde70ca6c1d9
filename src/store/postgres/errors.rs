//! What the database's errors mean, for people.

use std::io;

use sqlx::error::DatabaseError;

use super::url::Address;
use crate::sanitize::system_words;
use crate::store::StoreError;
use crate::store::columns::trouble;

/// What the driver says of a server that has encryption turned off.
const UNENCRYPTED: &str = "server does not support TLS";

/// What an error means to whoever wanted to read or write.
pub(super) fn unfit(doing: &'static str, error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Io(error) => StoreError::NotNow {
            doing: StoreError::REACHED,
            why: words(&error),
        },
        sqlx::Error::Database(said) if is_starting_or_ending(&*said) => {
            trouble(StoreError::REACHED, sqlx::Error::Database(said))
        }
        error => trouble(doing, error),
    }
}

/// Whether the server says that it is about to end, or not there yet.
fn is_starting_or_ending(said: &dyn DatabaseError) -> bool {
    const OPERATOR_INTERVENTION: &str = "57P";
    let code = said.code();
    code.is_some_and(|code| code.starts_with(OPERATOR_INTERVENTION))
}

/// What an error means to whoever wanted to open the store.
pub(super) fn unopened(address: &Address, error: sqlx::Error) -> StoreError {
    let server = address.server();
    match &error {
        sqlx::Error::Database(said) => match advice(address, &**said) {
            Some(advice) => StoreError::Unusable(format!(
                "the database {} at {server} can't be used: {}; {advice}",
                address.database(),
                said.message()
            )),
            None => not_now(&server, said.message()),
        },
        sqlx::Error::Tls(why) if why.to_string() == UNENCRYPTED => StoreError::Unusable(format!(
            "no encrypted connection to {server} can be had: the server doesn't encrypt; set ssl = \
             on at the server, or put sslmode=disable into [store] url where the way there is safe"
        )),
        sqlx::Error::Tls(why) => untrusted(&server, &why.to_string()),
        sqlx::Error::Io(why) => match of_tls(why) {
            Some(tls) => untrusted(&server, &tls.to_string()),
            None => not_now(&server, &words(why)),
        },
        sqlx::Error::Configuration(why) => StoreError::Unusable(format!(
            "the database at {server} can't be reached as [store] url says: {why}"
        )),
        other => not_now(&server, &other.to_string()),
    }
}

/// What the system says, or what the driver says for it.
fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the connection was lost".to_owned(),
        _ => system_words(error),
    }
}

fn not_now(server: &str, why: &str) -> StoreError {
    StoreError::NotNow {
        doing: "opened",
        why: format!("{server}: {why}"),
    }
}

fn untrusted(server: &str, why: &str) -> StoreError {
    StoreError::Unusable(format!(
        "no encrypted connection to {server} can be had: {why}; check the server's certificate, \
         and sslmode and sslrootcert in [store] url"
    ))
}

/// What is wrong with encryption, where that is what is wrong.
fn of_tls(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// What to do about what waiting won't mend.
fn advice(address: &Address, said: &dyn DatabaseError) -> Option<String> {
    const WRONG_PASSWORD: &str = "28P01";
    const NOT_LET_IN: &str = "28000";
    const NO_DATABASE: &str = "3D000";
    const NO_SCHEMA: &str = "3F000";
    const FORBIDDEN: &str = "42501";
    let (user, database) = (address.user(), address.database());
    match &*said.code()? {
        // Of no password, the server says the same as of a wrong one.
        WRONG_PASSWORD => Some(format!(
            "it asks the user {user} for a password: name a file with it with password_file, or \
             check the one that is in there, and the user in [store] url"
        )),
        NOT_LET_IN => Some(format!(
            "check the user {user} in [store] url, and what the server's pg_hba.conf asks of it"
        )),
        NO_DATABASE => Some(format!(
            "check its name in [store] url, or create it: createdb --owner={user} {database}"
        )),
        NO_SCHEMA => Some(may_create(address, "public")),
        FORBIDDEN => Some(permit(address, said.message())),
        _ => None,
    }
}

/// What to do where the user may not do something, by the server's words for it. A server that
/// speaks another language gets all of the advice.
fn permit(address: &Address, said: &str) -> String {
    let (create, own) = (
        |schema| may_create(address, schema),
        |table| owns(address, table),
    );
    if let Some((_, schema)) = said.split_once("for schema ") {
        return create(schema);
    }
    match said
        .split_once("for table ")
        .or(said.split_once("of table "))
    {
        Some((_, table)) => own(table),
        None => format!(
            "where tables can't be made, {}; where they are there, {}",
            create("public"),
            own("meta")
        ),
    }
}

fn may_create(address: &Address, schema: &str) -> String {
    let (user, database) = (quoted(address.user()), quoted(address.database()));
    let schema = quoted(schema);
    format!(
        "let the user make tables: GRANT CREATE ON SCHEMA {schema} TO {user}; or give it a database \
         of its own: ALTER DATABASE {database} OWNER TO {user}"
    )
}

fn owns(address: &Address, table: &str) -> String {
    let (user, table) = (quoted(address.user()), quoted(table));
    format!(
        "the store's tables belong to another user: name that one in [store] url, or hand over each \
         of them: ALTER TABLE {table} OWNER TO {user}"
    )
}

/// A name as SQL has it: in quotes where it needs them.
fn quoted(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.chars().all(is_plain) && !name.starts_with(|c: char| c.is_ascii_digit()) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}
