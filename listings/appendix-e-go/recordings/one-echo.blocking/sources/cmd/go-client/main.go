// Says `Hi, ferris?` to an echo server, reads as many bytes back, waits a moment and closes.
//
//	go run ./cmd/go-client [ADDRESS] [SECONDS]
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

const message = "Hi, ferris?"

func main() {
	address, hold := "127.0.0.1:8000", time.Second
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	if len(os.Args) > 2 {
		var err error
		hold, err = time.ParseDuration(os.Args[2] + "s")
		check(err)
	}
	// ANCHOR: talk
	conn, err := net.Dial("tcp", address)
	check(err)
	fmt.Println("connected from", conn.LocalAddr())
	_, err = conn.Write([]byte(message))
	check(err)
	answer := make([]byte, len(message))
	_, err = io.ReadFull(conn, answer)
	check(err)
	fmt.Printf("heard %d bytes: %q\n", len(answer), answer)
	time.Sleep(hold)
	check(conn.Close()) // nothing is closed by going out of scope
	// ANCHOR_END: talk
}

// check ends the program with what went wrong, if something did.
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
