//! The tables of the packet filter, asked of the kernel itself: nft(8) need not be installed. netlink(7).

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};

const NFNL_SUBSYS_NFTABLES: u16 = 10;
const NFT_MSG_NEWTABLE: u16 = 0;
const NFT_MSG_GETTABLE: u16 = 1;
const NFTA_TABLE_NAME: u16 = 1;
const NLMSG_HEADER: usize = 16;
const NFGENMSG: usize = 4;

/// `family name` of each table in the network namespace of this thread; empty where the kernel has no nf_tables.
pub(crate) fn tables() -> Vec<String> {
    let Ok(mut socket) = Socket::new(NETLINK_NETFILTER) else { return Vec::new() };
    socket.bind_auto().unwrap();
    socket.connect(&SocketAddr::new(0, 0)).unwrap();
    socket.send(&dump_request(), 0).unwrap();
    let mut found = Vec::new();
    loop {
        let (answer, _) = socket.recv_from_full().unwrap();
        if read_messages(&answer, &mut found) {
            return found;
        }
    }
}

fn dump_request() -> Vec<u8> {
    let mut request = Vec::new();
    request.extend(u32::try_from(NLMSG_HEADER + NFGENMSG).unwrap().to_ne_bytes());
    request.extend(((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETTABLE).to_ne_bytes());
    request.extend(u16::try_from(libc::NLM_F_REQUEST | libc::NLM_F_DUMP).unwrap().to_ne_bytes());
    request.extend([0; 8]);
    request.extend([0; NFGENMSG]);
    request
}

/// Reads the messages of one answer; true when it was the last.
fn read_messages(mut answer: &[u8], found: &mut Vec<String>) -> bool {
    while answer.len() >= NLMSG_HEADER {
        let length = u32::from_ne_bytes(answer[..4].try_into().unwrap()) as usize;
        let kind = u16::from_ne_bytes(answer[4..6].try_into().unwrap());
        let body = &answer[NLMSG_HEADER..length];
        match i32::from(kind) {
            libc::NLMSG_DONE | libc::NLMSG_ERROR => return true,
            _ if kind == (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWTABLE => {
                found.push(format!("{} {}", body[0], name_in(&body[NFGENMSG..])));
            }
            _ => {}
        }
        answer = &answer[length.next_multiple_of(4).min(answer.len())..];
    }
    false
}

fn name_in(mut attributes: &[u8]) -> String {
    while attributes.len() >= 4 {
        let length = usize::from(u16::from_ne_bytes(attributes[..2].try_into().unwrap()));
        if u16::from_ne_bytes(attributes[2..4].try_into().unwrap()) == NFTA_TABLE_NAME {
            return String::from_utf8_lossy(&attributes[4..length]).trim_end_matches('\0').to_owned();
        }
        attributes = &attributes[length.next_multiple_of(4).min(attributes.len())..];
    }
    String::new()
}
