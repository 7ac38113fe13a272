//! A proxy before Postgres whose connections can be made to die silently, while new ones work.

use std::sync::{Arc, Mutex};

use sqlx::{ConnectOptions, PgPool};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

pub(crate) struct LineProxy {
    pool: PgPool,
    port: u16,
    frozen: watch::Sender<()>,
    _accepting: JoinSet<()>,
}

impl LineProxy {
    /// A proxy before the database of `pool`.
    pub(crate) async fn before(pool: &PgPool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let options = pool.connect_options();
        let postgres = (options.get_host().to_owned(), options.get_port());
        let frozen = watch::Sender::new(());
        let (freezes, dead) = (frozen.clone(), Arc::new(Mutex::new(Vec::new())));
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut lines = JoinSet::new();
            while let Ok((mut server, _)) = listener.accept().await {
                let (mut freeze, postgres) = (freezes.subscribe(), postgres.clone());
                let dead = dead.clone();
                lines.spawn(async move {
                    let Ok(mut postgres) = TcpStream::connect(postgres).await else {
                        return;
                    };
                    tokio::select! {
                        _ = copy_bidirectional(&mut server, &mut postgres) => {}
                        // The connections stay open, so that neither side learns of it.
                        _ = freeze.changed() => dead.lock().unwrap().push((server, postgres)),
                    }
                });
            }
        });
        Self {
            pool: pool.clone(),
            port,
            frozen,
            _accepting: accepting,
        }
    }

    /// Nothing arrives any more over the connections of this moment, in either direction.
    pub(crate) fn freeze(&self) {
        self.frozen.send_replace(());
    }

    /// The database's URL through the proxy.
    pub(crate) fn url(&self) -> String {
        let options = (*self.pool.connect_options()).clone();
        let options = options.host("127.0.0.1").port(self.port);
        options.to_url_lossy().to_string()
    }
}
