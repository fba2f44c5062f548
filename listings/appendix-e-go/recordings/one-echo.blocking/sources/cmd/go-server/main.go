// An echo server, a goroutine for each connection: what a client says comes back, byte for byte.
//
//	go run ./cmd/go-server [ADDRESS]
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// backOff is how long to wait after a failed Accept, so that being out of descriptors does not become a busy loop.
const backOff = 100 * time.Millisecond

// ANCHOR: listen
func main() {
	address := "127.0.0.1:8000"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// Where nobody reads our output, a write to it ends a Go program, unless the signal is ignored.
	signal.Ignore(syscall.SIGPIPE)
	fmt.Println("listening on", listener.Addr())
	// ANCHOR_END: listen
	// ANCHOR: accept
	for {
		conn, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			time.Sleep(backOff)
			continue
		}
		// A goroutine of its own: nobody else waits for this client.
		go serve(conn)
	}
}

// ANCHOR_END: accept

// serve answers one client until it is gone, and says why it went.
func serve(conn net.Conn) {
	client := conn.RemoteAddr()
	fmt.Println(client, "came")
	err := echo(conn, client)
	conn.Close()
	if errors.Is(err, io.EOF) {
		fmt.Println(client, "gone: end of stream")
	} else {
		fmt.Println(client, "gone:", err)
	}
}

// ANCHOR: echo
func echo(conn net.Conn, client net.Addr) error {
	buffer := make([]byte, 100)
	for {
		n, err := conn.Read(buffer) // ❶
		if err != nil {
			return err // ❷ io.EOF: the client has finished sending
		}
		message := buffer[:n]
		fmt.Printf("%v said %d bytes: %q\n", client, n, message)
		if _, err := conn.Write(message); err != nil { // ❸
			return err
		}
	}
}

// ANCHOR_END: echo
