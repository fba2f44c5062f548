//! The tap: set as `LD_PRELOAD`, it stands between a program and libc and notes every call on a network socket.
//!
//! The program is not changed and not stopped; a call costs a few microseconds more. What is noted goes to the file that
//! `BOOK_TAP_LOG` names; without that variable every call goes straight on to libc.
//!
//! What is seen is what goes through libc's functions: std, tokio (through mio), socket2, nix. What is not: raw system
//! calls (rustix), io_uring, statically linked programs, and what libc calls inside itself (`getaddrinfo`). A program of
//! that kind leaves its `process` line and no calls, a static one not even that.
//!
//! # The log
//!
//! A file of zeros, made by whoever asks for it: its size is the log's room. It is mapped into every tapped process, and its
//! last eight bytes (at a multiple of eight) say where the next line begins: who writes adds the length of its line and
//! has the place to itself, so that the lines of threads, forked children and several programs never mix. What a process
//! has written stays when it is killed. Where it was killed in the middle of a line, zeros stand for the rest.
//!
//! One JSON object a line. Times are `CLOCK_REALTIME` in nanoseconds, the clock of the packets. `?` marks a key that may
//! be absent.
//!
//! A process began, by `exec` or by `fork`:
//! ```json
//! {"process":71,"parent":70,"at":1,"exec":true,"sockets":[[3,4711]]}
//! ```
//! `sockets` are the descriptors and inodes of the sockets it was born with (absent after a fork: the child holds what
//! its parent held).
//!
//! A loaded object, so that addresses can be told apart later (absent after a fork: they are the parent's):
//! ```json
//! {"process":71,"object":"/usr/bin/server","base":94100,"limit":94900}
//! ```
//! `base` is what the object's own addresses are shifted by.
//!
//! A call begins:
//! ```json
//! {"begin":"connect","at":1,"process":71,"thread":71,"fd"?:3,"socket"?:4711,"peer"?:"127.0.0.1:8000",
//!  "requested"?:11,"detail"?:"MSG_NOSIGNAL","target"?:[5,7],"stack":[94312,94350]}
//! ```
//! `socket` is an inode. `target` belongs to `epoll_ctl`: the epoll instance and the program's
//! token. `stack` holds raw
//! return addresses, innermost first; the tap's own frames are left out.
//!
//! And ends:
//! ```json
//! {"end":"connect","process":71,"thread":71,"from":1,"to":2,"result":-1,"errno"?:"EINPROGRESS","fd"?:4,"socket"?:4712,
//!  "local"?:"127.0.0.1:40000","peer"?:"127.0.0.1:8000","requested"?:11,"detail"?:"SO_ERROR 0","ready"?:[[3,4711,"POLLIN"]],"tokens"?:[[7,"EPOLLIN"]]}
//! ```
//! `fd` and `socket` are what the call made. An end belongs to the last open beginning of its thread; a beginning without
//! an end is a call that the process did not live to see return. The two stand apart because the packet of a `send` can
//! be seen, and its program killed for it, before `send` returns.
//!
//! The program has said something of one of its tasks: it writes a line to its standard error, `task reader polled`, and
//! the tap notes it before it leaves. It costs the program no call that it would not make without the tap.
//! ```json
//! {"task":"reader polled","at":1,"process":71,"thread":71}
//! ```
//!
//! `"lost":n` on any line says that n lines before it could not be written. Where the next line would begin beyond the room,
//! the log is full, and what came later is not in it.
#![cfg(target_os = "linux")]
// Standing in for C functions is nothing but unsafe code; each block says why it is sound.
#![allow(unsafe_code)]

mod call;
mod line;
mod log;
mod names;
mod next;
mod process;
mod stack;
mod standins;
