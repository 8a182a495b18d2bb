package public

import (
	"log/slog"
	"net/http"
	"time"
)

// NewServer returns a server for h on addr with limits fit for the open internet. It speaks HTTP/1.0, 1.1 and 2; HTTP/2
// also without TLS, for a proxy in front.
func NewServer(addr string, h http.Handler, log *slog.Logger) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Addr:              addr,
		Handler:           h,
		Protocols:         &protocols,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       20 * time.Second,
		WriteTimeout:      40 * time.Second, // from the end of the header: reading, our work, and the answer
		IdleTimeout:       75 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // what strangers send is no error of ours
	}
}
