//! A DNS server on loopback with the zones of a test: answers, says no, fails or keeps silent, as it is told. RFC 1035.

use mail_auth::hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use mail_auth::hickory_resolver::proto::rr::rdata::{A, TXT};
use mail_auth::hickory_resolver::proto::rr::{RData, Record, RecordType};
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What stands behind a name. Two crates use this file, each not all of it.
#[allow(dead_code)]
#[derive(Clone, Debug)]
pub enum Answer {
    Txt(String),
    A(Ipv4Addr),
    /// Try again later.
    ServFail,
    /// Nothing at all, ever.
    Silence,
}

/// A server; it ends when it is dropped. Names that nobody put into it do not exist.
pub struct Dns {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    zone: Mutex<HashMap<String, Vec<Answer>>>,
    asked: AtomicUsize,
    /// Nobody is answered any more.
    gone: AtomicBool,
    stop: AtomicBool,
}

impl Dns {
    pub fn start() -> Dns {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let (address, shared) = (socket.local_addr().unwrap(), Arc::<Shared>::default());
        let served = shared.clone();
        let thread = std::thread::spawn(move || serve(&socket, &served));
        Dns { address, shared, thread: Some(thread) }
    }

    /// Adds an answer to a name.
    pub fn put(&self, name: &str, answer: Answer) {
        self.shared.zone.lock().unwrap().entry(format!("{}.", name.to_lowercase())).or_default().push(answer);
    }

    pub fn txt(&self, name: &str, text: &str) {
        self.put(name, Answer::Txt(text.into()));
    }

    /// Takes everything of a name away.
    pub fn forget(&self, name: &str) {
        self.shared.zone.lock().unwrap().remove(&format!("{name}."));
    }

    /// Takes the faults of a name away; its records stay.
    // Not everybody who includes this file needs it.
    #[allow(dead_code)]
    pub fn mend(&self, name: &str) {
        if let Some(answers) = self.shared.zone.lock().unwrap().get_mut(&format!("{name}.")) {
            answers.retain(|answer| !matches!(answer, Answer::ServFail | Answer::Silence));
        }
    }

    /// Keeps silent from now on, whatever is asked.
    pub fn goes_away(&self) {
        self.shared.gone.store(true, Ordering::SeqCst);
    }

    /// How many questions there were.
    pub fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(socket: &UdpSocket, shared: &Shared) {
    let mut packet = [0; 4096];
    while !shared.stop.load(Ordering::SeqCst) {
        let Ok((length, peer)) = socket.recv_from(&mut packet) else { continue };
        shared.asked.fetch_add(1, Ordering::SeqCst);
        if shared.gone.load(Ordering::SeqCst) {
            continue;
        }
        if let Some(reply) = Message::from_vec(&packet[..length]).ok().and_then(|question| reply(&question, shared)) {
            let _ = socket.send_to(&reply.to_vec().unwrap(), peer);
        }
    }
}

/// None is silence.
fn reply(question: &Message, shared: &Shared) -> Option<Message> {
    let query = question.queries.first()?.clone();
    let mut reply = Message::response(question.metadata.id, OpCode::Query);
    let answers = shared.zone.lock().unwrap().get(&query.name().to_lowercase().to_ascii()).cloned();
    match &answers {
        None => reply.metadata.response_code = ResponseCode::NXDomain,
        Some(answers) if answers.iter().any(|answer| matches!(answer, Answer::Silence)) => return None,
        Some(answers) if answers.iter().any(|answer| matches!(answer, Answer::ServFail)) => {
            reply.metadata.response_code = ResponseCode::ServFail;
        }
        Some(answers) => {
            for answer in answers {
                let data = match (answer, query.query_type()) {
                    (Answer::Txt(text), RecordType::TXT) => RData::TXT(TXT::new(pieces(text))),
                    (Answer::A(address), RecordType::A) => RData::A(A(*address)),
                    _ => continue,
                };
                // Kept by nobody, so that a test may change its mind.
                reply.add_answer(Record::from_rdata(query.name().clone(), 0, data));
            }
        }
    }
    reply.add_query(query);
    Some(reply)
}

/// RFC 1035 §3.3.14: strings of at most 255 bytes.
fn pieces(text: &str) -> Vec<String> {
    text.as_bytes().chunks(255).map(|piece| String::from_utf8_lossy(piece).into_owned()).collect()
}
