//! SQLite files that are opened, and files that must be refused unchanged.

use std::fs;
use std::path::Path;

use hookwire::id::{EndpointId, Work};
use hookwire::store::OpenError;
use hookwire::store::{Outbox, SqliteStore};

use super::rows::{NOW, append};

/// Opens the file, which must fail and must not change its bytes.
async fn refuse(path: &Path) -> OpenError {
    let before = fs::read(path).unwrap();
    let error = SqliteStore::open(path).await.expect_err("opening must fail");
    assert!(before == fs::read(path).unwrap(), "the file was changed: {error}");
    error
}

async fn make(path: &Path) {
    let store = SqliteStore::open(path).await.unwrap();
    drop(store);
    settle_down(path);
}

/// Waits until the writer thread has moved the log into the file; fails after five seconds.
fn settle_down(path: &Path) {
    let log = path.with_extension("db-wal");
    for _ in 0..500 {
        if !log.exists() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("the log is still there");
}

#[tokio::test]
async fn f_33_a_file_that_is_not_a_database_is_refused_and_not_changed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    for bytes in [&b"hello"[..], &[0u8; 4_096], &[0xff; 10_000]] {
        fs::write(&path, bytes).unwrap();
        assert!(matches!(refuse(&path).await, OpenError::NotOurs));
    }
    assert!(matches!(SqliteStore::open(directory.path()).await, Err(OpenError::NotOurs)), "a directory");
}

#[tokio::test]
async fn another_applications_database_is_refused_unless_it_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.db");
    let app = rusqlite::Connection::open(&path).unwrap();
    app.execute_batch("CREATE TABLE orders (id INTEGER PRIMARY KEY); INSERT INTO orders VALUES (7)").unwrap();
    drop(app);
    assert!(matches!(refuse(&path).await, OpenError::NotOurs));

    let store = SqliteStore::open_in_application_database(&path).await.unwrap();
    assert!(store.lanes(Work::Sent, None, 1).await.unwrap().is_empty());
    let app = rusqlite::Connection::open(&path).unwrap();
    assert_eq!(app.query_row("SELECT id FROM orders", [], |row| row.get::<_, i64>(0)).unwrap(), 7);
}

#[tokio::test]
async fn f_54_a_newer_schema_is_refused_and_the_error_has_its_number() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    make(&path).await;
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute_batch("UPDATE hookwire_schema SET version = 99").unwrap();
    drop(file);
    settle_down(&path);
    assert!(matches!(refuse(&path).await, OpenError::Newer { found: 99, supported: 14 }));
}

#[tokio::test]
async fn f_33_a_truncated_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    make(&path).await;
    let whole = fs::read(&path).unwrap();
    for length in [whole.len() - 4_096, whole.len() / 2, 4_096] {
        fs::write(&path, whole.get(..length).unwrap()).unwrap();
        let error = refuse(&path).await;
        assert!(matches!(error, OpenError::Corrupt(_)), "{length}: {error}");
    }
    fs::write(&path, whole.get(..50).unwrap()).unwrap();
    assert!(matches!(refuse(&path).await, OpenError::NotOurs));
}

/// Flipped bytes anywhere give an error or right data, never a panic.
#[tokio::test]
async fn f_33_damage_is_found_or_harmless() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    make(&path).await;
    let whole = fs::read(&path).unwrap();
    let mut refused = 0;
    for turn in 0..60usize {
        let mut damaged = whole.clone();
        let at = (turn * 7_919 + 100) % whole.len();
        for byte in damaged.iter_mut().skip(at).take(64) {
            *byte ^= 0x5a;
        }
        let copy = directory.path().join(format!("damaged-{turn}.db"));
        fs::write(&copy, &damaged).unwrap();
        match SqliteStore::open(&copy).await {
            Ok(store) => {
                let _right_or_error = store.lanes(Work::Sent, None, 10).await;
            }
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 0, "some damage is detected");
}

#[tokio::test]
async fn f_34_the_error_names_read_only_files_and_missing_directories() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    make(&path).await;
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    assert!(matches!(refuse(&path).await, OpenError::ReadOnly));
    let missing = directory.path().join("no").join("such").join("hookwire.db");
    assert!(matches!(SqliteStore::open(missing).await, Err(OpenError::Io(_))));
}

#[tokio::test]
async fn f_54_processes_that_start_together_migrate_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let path = path.clone();
        tasks.spawn(async move { SqliteStore::open(path).await.map(drop) });
    }
    while let Some(opened) = tasks.join_next().await {
        opened.unwrap().unwrap();
    }
}

/// Not even a write-ahead log is created.
#[tokio::test]
async fn refusing_a_file_creates_no_files_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("50% app?#.db");
    let app = rusqlite::Connection::open(&path).unwrap();
    app.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE orders (id INTEGER PRIMARY KEY)").unwrap();
    drop(app);
    assert!(matches!(refuse(&path).await, OpenError::NotOurs));
    let names: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["50% app?#.db"]);
}

/// A change that another process has written only to the log is seen.
#[tokio::test]
async fn a_newer_schema_is_seen_in_the_log_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    make(&path).await;
    let open_elsewhere = rusqlite::Connection::open(&path).unwrap();
    open_elsewhere.execute_batch("UPDATE hookwire_schema SET version = 99").unwrap();
    assert!(path.with_extension("db-wal").exists());
    assert!(matches!(refuse(&path).await, OpenError::Newer { found: 99, supported: 14 }));
}

/// The reader is for example a backup, or a shell that was left open.
#[tokio::test]
async fn f_32_a_long_reader_lets_the_log_grow_and_when_it_ends_the_log_shrinks() {
    const MIB: u64 = 1024 * 1024;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookwire.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let fill = async |mib: u64| {
        for _ in 0..mib {
            store.append(vec![append(EndpointId::generate(NOW), 1024 * 1024)]).await.unwrap();
        }
        fs::metadata(path.with_extension("db-wal")).unwrap().len() / MIB
    };

    let reader = rusqlite::Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    reader.query_row("SELECT count(*) FROM hookwire_event", [], |row| row.get::<_, i64>(0)).unwrap();
    assert!(fill(80).await >= 80, "no checkpoint is possible while the reader is active");
    drop(reader);
    assert!(fill(20).await <= 64, "the log is bounded again");
}
