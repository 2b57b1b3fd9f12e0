// A client for tests that speaks HTTP/3 to a port of this machine, over one
// connection.  A request is a line of JSON on standard input, its response one on
// standard output; SealKM::HTTP3 makes and reads them.
package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/lucas-clemente/quic-go/http3"
)

type request struct {
	Method  string
	URL     string
	Headers [][2]string
	Body    []byte
	Size    int   // of the pieces that the body goes in; 0: at once
	Pause   int   // milliseconds between two of them
	Length  int64 // that is told; -1: none is
	Timeout int   // seconds
}

type response struct {
	Status  int
	Headers [][2]string
	Body    []byte
	Error   string
}

// a body that comes in pieces
type pieces struct {
	rest  *bytes.Reader
	size  int
	pause time.Duration
	begun bool
}

func (p *pieces) Read(buf []byte) (int, error) {
	if p.begun {
		time.Sleep(p.pause)
	}
	p.begun = true

	if p.size < len(buf) {
		buf = buf[:p.size]
	}
	return p.rest.Read(buf)
}

func (p *pieces) Close() error { return nil }

func do(transport http.RoundTripper, in *request) (*response, error) {
	var body io.Reader = bytes.NewReader(in.Body)

	if in.Size > 0 {
		body = &pieces{
			rest:  bytes.NewReader(in.Body),
			size:  in.Size,
			pause: time.Duration(in.Pause) * time.Millisecond,
		}
	}

	req, err := http.NewRequest(in.Method, in.URL, body)
	if err != nil {
		return nil, err
	}
	req.ContentLength = in.Length

	for _, h := range in.Headers {
		req.Header.Add(h[0], h[1])
	}

	client := &http.Client{
		Transport: transport,
		Timeout:   time.Duration(in.Timeout) * time.Second,
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()

	out := &response{Status: res.StatusCode}
	for name, values := range res.Header {
		for _, value := range values {
			out.Headers = append(out.Headers, [2]string{name, value})
		}
	}

	out.Body, err = io.ReadAll(res.Body)
	return out, err
}

func main() {
	transport := &http3.RoundTripper{
		DisableCompression: true,
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true},
	}

	in := json.NewDecoder(bufio.NewReader(os.Stdin))
	out := json.NewEncoder(os.Stdout)

	for {
		var req request
		if in.Decode(&req) != nil {
			break
		}

		res, err := do(transport, &req)
		if err != nil {
			res = &response{Error: fmt.Sprint(err)}
		}
		if out.Encode(res) != nil {
			break
		}
	}
}
