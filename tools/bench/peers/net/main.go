// The echo service of this book on Go's net, a goroutine for each connection, as a Go programmer writes it: what the book's
// servers on tokio are measured against. It prints the lines they print, so that their cost is on both sides; with
// `quiet` as second argument none for a request, as some of them.
//
//	go build && ./net-peer 127.0.0.1:8000
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

var quiet bool

func main() {
	address := "127.0.0.1:8000"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	quiet = len(os.Args) > 2 && os.Args[2] == "quiet"
	listener, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	signal.Ignore(syscall.SIGPIPE)
	fmt.Println("listening on", listener.Addr())
	for {
		conn, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			time.Sleep(100 * time.Millisecond) // out of descriptors: asking again at once would spin
			continue
		}
		go serve(conn)
	}
}

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

func echo(conn net.Conn, client net.Addr) error {
	buffer := make([]byte, 100)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return err
		}
		if !quiet {
			fmt.Printf("%v said %d bytes: %q\n", client, n, buffer[:n])
		}
		if _, err := conn.Write(buffer[:n]); err != nil {
			return err
		}
	}
}
