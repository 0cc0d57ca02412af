//! The demo's DNS: no name exists. Nothing leaves this machine, and the stranger's mail is refused rather than put off.

use std::io;
use std::net::SocketAddr;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// Answers until it is dropped.
pub struct Names {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Names {
    pub async fn start() -> io::Result<Names> {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let address = socket.local_addr()?;
        Ok(Names { address, task: tokio::spawn(serve(socket)) })
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: UdpSocket) {
    let mut packet = [0; 1500];
    while let Ok((length, peer)) = socket.recv_from(&mut packet).await {
        // RFC 1035 §4.1.1: the question sent back as an answer (QR) that the name does not exist (RCODE 3).
        if let Some(flags) = packet.get_mut(2..4).filter(|_| length >= 12) {
            flags[0] |= 0x80;
            flags[1] = 0x83;
            let _ = socket.send_to(&packet[..length], peer).await;
        }
    }
}
