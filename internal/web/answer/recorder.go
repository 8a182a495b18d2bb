// Package answer is what the doors over HTTP share about their answers.
package answer

import "net/http"

// Recorder passes an answer on and remembers what it was, for the access log.
type Recorder struct {
	http.ResponseWriter
	Status int // 0: nothing was answered yet
	Bytes  int // of the body
}

// WriteHeader remembers the first status.
func (o *Recorder) WriteHeader(status int) {
	if o.Status == 0 {
		o.Status = status
	}
	o.ResponseWriter.WriteHeader(status)
}

// Write counts what goes out.
func (o *Recorder) Write(b []byte) (int, error) {
	if o.Status == 0 {
		o.Status = http.StatusOK
	}
	n, err := o.ResponseWriter.Write(b)
	o.Bytes += n
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (o *Recorder) Unwrap() http.ResponseWriter { return o.ResponseWriter }
