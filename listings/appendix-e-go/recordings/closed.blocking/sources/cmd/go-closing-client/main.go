// Says `Hi, ferris?` to an echo server and reads until an error comes. It comes from here: another goroutine closes the
// connection under the reader.
//
//	go run ./cmd/go-closing-client [ADDRESS]
package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

const message = "Hi, ferris?"

func main() {
	address := "127.0.0.1:8000"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	conn, err := net.Dial("tcp", address)
	check(err)
	_, err = conn.Write([]byte(message))
	check(err)
	// ANCHOR: close
	go func() {
		time.Sleep(time.Second)
		conn.Close()
	}()
	buffer := make([]byte, 100)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			fmt.Println(err)
			fmt.Println("closed by ourselves:", errors.Is(err, net.ErrClosed))
			return
		}
		fmt.Printf("heard %d bytes: %q\n", n, buffer[:n])
	}
	// ANCHOR_END: close
}

// check ends the program with what went wrong, if something did.
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
