// Says three things with three writes, one right behind the other, waits half a second and closes.
//
//	go run ./cmd/go-chat-client [ADDRESS]
package main

import (
	"fmt"
	"net"
	"os"
	"time"
)

func main() {
	address := "127.0.0.1:8000"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	conn, err := net.Dial("tcp", address)
	check(err)
	// ANCHOR: talk
	for _, message := range []string{"Hi, ferris?", "Are you in?", "Never mind."} {
		_, err = conn.Write([]byte(message))
		check(err)
	}
	// ANCHOR_END: talk
	time.Sleep(500 * time.Millisecond)
	check(conn.Close())
}

// check ends the program with what went wrong, if something did.
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
