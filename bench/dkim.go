package main

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"mailer/internal/dkim"
)

const signingDomain = "news.example.org"

// dkim measures what signing costs: the signer alone against a bare signature on all processors, and the whole path with
// signing on against the whole path plus a bare signature for each message.
func (b *bench) dkim(ctx context.Context) error {
	s, err := b.site(ctx, b.readers)
	if err != nil {
		return err
	}
	plain, err := b.plainSend(ctx)
	if err != nil {
		return err
	}
	msg, err := b.message(ctx)
	if err != nil {
		return err
	}
	for _, kind := range []dkim.Algorithm{dkim.RSA, dkim.Ed25519} {
		dir := filepath.Join(b.dir, "dkim-"+string(kind))
		s.extra = []string{"MAILER_DKIM_DIR=" + dir}
		if err := s.keys(ctx, dir, kind); err != nil {
			return err
		}
		bare, err := b.bareSignatures(ctx, kind, msg)
		if err != nil {
			return err
		}
		ours, err := b.signatures(ctx, dir, msg)
		if err != nil {
			return err
		}
		name := map[dkim.Algorithm]string{dkim.RSA: "RSA-2048", dkim.Ed25519: "Ed25519"}[kind]
		all := fmt.Sprintf("on %d processors at once, messages of %d octets", runtime.GOMAXPROCS(0), len(msg))
		b.note(measure{Name: name + ": bare signatures", Value: bare, Unit: "messages/s", Note: "SHA-256 of the message and one signature, " + all})
		b.note(measure{Name: name + ": DKIM-Signature fields", Value: ours, Unit: "messages/s", Note: all})
		b.note(measure{Name: name + ": of bare signatures", Value: ours / bare, Unit: "×", Aim: atLeast(0.9, "≥ 0.9")})
		signed, err := s.sendOne(ctx)
		if err != nil {
			return err
		}
		if signed.octets() < plain.octets()+150 {
			return fmt.Errorf("messages of %.0f octets are not signed; unsigned ones have %.0f", signed.octets(), plain.octets())
		}
		possible := 1 / (1/plain.rate() + 1/bare)
		b.note(measure{Name: name + ": whole path, signed", Value: signed.rate(), Unit: "messages/s", CPU: signed.cpu,
			Note: fmt.Sprintf("%d readers; unsigned it was %s messages/s in this round", signed.audience, number(plain.rate()))})
		b.note(measure{Name: name + ": of the whole path plus bare signatures", Value: signed.rate() / possible, Unit: "×", Aim: atLeast(0.9, "≥ 0.9")})
	}
	s.extra = nil
	return nil
}

// plainSend is the whole path of this round, unsigned.
func (b *bench) plainSend(ctx context.Context) (*sent, error) {
	if b.plain != nil {
		return b.plain, nil
	}
	s, err := b.site(ctx, b.readers)
	if err != nil {
		return nil, err
	}
	r, err := s.sendOne(ctx)
	if err == nil {
		b.plain = &r
	}
	return b.plain, err
}

// rate is messages a second from launch to done.
func (r *sent) rate() float64 { return float64(r.audience) / r.done.Sub(r.launched).Seconds() }

// octets is what the sink read for a message, envelope included.
func (r *sent) octets() float64 { return float64(r.stats.Bytes) / float64(r.stats.Messages) }

// keys makes a key and has it sign.
func (s *site) keys(ctx context.Context, dir string, kind dkim.Algorithm) error {
	ring, err := dkim.Open(dir)
	if err != nil || len(ring.Keys()) > 0 {
		return err
	}
	s.extra = nil // a folder that is named must be there
	k, err := dkim.NewKey(signingDomain, "bench-"+string(kind), kind, time.Now())
	if err != nil {
		return err
	}
	if err := ring.Add(k); err != nil {
		return err
	}
	s.extra = []string{"MAILER_DKIM_DIR=" + dir}
	return ring.Use(signingDomain, []*dkim.Key{k})
}

// signatures counts how many messages a second the signer signs on all processors.
func (b *bench) signatures(ctx context.Context, dir string, msg []byte) (float64, error) {
	ring, err := dkim.Open(dir)
	if err != nil {
		return 0, err
	}
	stamp := ring.Stamp("morning@"+signingDomain, time.Now())
	if stamp.IsZero() {
		return 0, errors.New("no key is in use")
	}
	return b.everywhere(ctx, func() (func() error, error) {
		signer, err := ring.Signer(stamp)
		var buf []byte
		return func() (err error) { buf, err = signer.Append(buf[:0], msg); return err }, err
	})
}

// bareSignatures counts how many times a second the same octets can be hashed and a digest be signed on all processors.
func (b *bench) bareSignatures(ctx context.Context, kind dkim.Algorithm, msg []byte) (float64, error) {
	var key crypto.Signer
	var err error
	hash := crypto.SHA256
	if kind == dkim.RSA {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		_, key, err = ed25519.GenerateKey(rand.Reader)
		hash = 0 // RFC 8463: the digest is what is signed
	}
	if err != nil {
		return 0, err
	}
	return b.everywhere(ctx, func() (func() error, error) {
		return func() error {
			sum := sha256.Sum256(msg)
			_, err := key.Sign(nil, sum[:], hash)
			return err
		}, nil
	})
}

// everywhere runs something again and again on all processors for a while, and returns how often a second it was done.
func (b *bench) everywhere(ctx context.Context, prepare func() (func() error, error)) (float64, error) {
	var done atomic.Int64
	start := time.Now()
	err := together(runtime.GOMAXPROCS(0), func(int) error {
		do, err := prepare()
		for err == nil && ctx.Err() == nil && time.Since(start) < b.signing {
			err = do()
			done.Add(1)
		}
		return errors.Join(err, ctx.Err())
	})
	return float64(done.Load()) / time.Since(start).Seconds(), err
}
