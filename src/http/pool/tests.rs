use std::future::pending;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;

/// A server that answers everything and keeps connections open.
async fn server() -> Uri {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = vec![0; 4096];
                while socket.read(&mut head).await.is_ok_and(|read| read > 0) {
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                    socket.write_all(answer).await.unwrap();
                }
            });
        }
    });
    format!("http://{address}").parse().unwrap()
}

/// A server that accepts connections, says so, and never answers.
async fn silent_server() -> (Uri, tokio::sync::mpsc::UnboundedReceiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (accepted, connections) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            accepted.send(()).unwrap();
            tokio::spawn(async move {
                let _socket = socket;
                pending::<()>().await;
            });
        }
    });
    (format!("http://{address}").parse().unwrap(), connections)
}

fn pool(server: Uri, budget: &Arc<ConnectionBudget>) -> Arc<Pool> {
    Arc::new(Pool::new(server, None, Arc::clone(budget)).unwrap())
}

async fn ask(pool: &Pool) {
    let permit = pool.ready().await;
    let reply = pool.send(permit, Request::default()).await.unwrap();
    assert_eq!(reply.status, 200);
}

fn idle(pool: &Pool) -> usize {
    lock(&pool.idle).lines.len()
}

#[tokio::test]
async fn an_idle_connection_of_one_pool_is_closed_where_another_needs_one() {
    let budget = ConnectionBudget::new(1);
    let (first, second) = (pool(server().await, &budget), pool(server().await, &budget));
    for _ in 0..3 {
        ask(&first).await;
        assert_eq!((idle(&first), idle(&second)), (1, 0));
        ask(&second).await;
        assert_eq!((idle(&first), idle(&second)), (0, 1));
    }
}

#[tokio::test]
async fn requests_that_wait_for_a_connection_get_one_after_the_other() {
    let budget = ConnectionBudget::new(2);
    let (first, second) = (pool(server().await, &budget), pool(server().await, &budget));
    let mut asking = JoinSet::new();
    for pool in [&first, &second].repeat(10) {
        let pool = Arc::clone(pool);
        asking.spawn(async move { ask(&pool).await });
    }
    asking.join_all().await;
    assert!(idle(&first) + idle(&second) <= 2);
}

#[tokio::test]
async fn a_request_that_is_given_up_leaves_its_connection_to_the_next() {
    let budget = ConnectionBudget::new(1);
    let (uri, mut connections) = silent_server().await;
    let (silent, good) = (pool(uri, &budget), pool(server().await, &budget));
    let hanging = tokio::spawn(async move { silent.send(None, Request::default()).await.is_ok() });
    connections.recv().await.unwrap();
    assert!(budget.try_acquire().is_none());
    hanging.abort();
    ask(&good).await;
}
