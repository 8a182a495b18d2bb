package inbox

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-message/charset"

	"mailer/internal/errs"
)

const (
	suffix  = ".eml"
	partial = ".part"
)

// names of files: a number, which gives the order, and the time of arrival for people who look into the folder.
var nameFormat = regexp.MustCompile(`^([0-9]{8})-[0-9]{8}T[0-9]{6}Z\.eml$`)

func numberOf(name string) (int, bool) {
	m := nameFormat.FindStringSubmatch(name)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1])
	return n, err == nil
}

// store writes a mail for one recipient. The file is what a mail folder holds: the trace lines that a final server adds
// (RFC 5321 section 4.4), then the mail as it came.
func (in *Inbox) store(from, to, helo string, data []byte) error {
	now := in.opts.Now()
	in.mu.Lock()
	defer in.mu.Unlock()
	in.last++
	id := fmt.Sprintf("%08d-%s", in.last, now.UTC().Format("20060102T150405Z"))
	file := append(trace(from, to, helo, now), data...)
	path := filepath.Join(in.dir, id+suffix)
	if err := os.WriteFile(path+partial, file, 0o600); err != nil {
		return err
	}
	if err := os.Rename(path+partial, path); err != nil {
		return err
	}
	in.mails = append(in.mails, describe(id, file))
	for len(in.mails) > in.opts.Keep {
		if err := os.Remove(filepath.Join(in.dir, in.mails[0].ID+suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		in.mails = in.mails[1:]
	}
	return nil
}

func trace(from, to, helo string, at time.Time) []byte {
	return fmt.Appendf(nil, "Return-Path: <%s>\r\nDelivered-To: %s\r\nReceived: from %s by mailer-inbox; %s\r\n",
		oneLine(from), oneLine(to), oneLine(helo), at.Format(time.RFC1123Z))
}

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}

// untrace splits a file into its three trace lines, without their names, and the mail itself.
func untrace(file []byte) (lines [3]string, data []byte) {
	data = file
	for i, name := range []string{"Return-Path: ", "Delivered-To: ", "Received: "} {
		line, rest, ok := bytes.Cut(data, []byte("\r\n"))
		if !ok || !bytes.HasPrefix(line, []byte(name)) {
			return [3]string{}, file // put there by someone else
		}
		lines[i] = string(line[len(name):])
		data = rest
	}
	return lines, data
}

// describe makes the list's entry of a file. Whatever does not parse stays empty.
func describe(id string, file []byte) Mail {
	lines, data := untrace(file)
	m := Mail{ID: id, From: strings.Trim(lines[0], "<>"), To: lines[1], Size: len(data)}
	if i := strings.LastIndex(lines[2], "; "); i >= 0 {
		if t, err := time.Parse(time.RFC1123Z, lines[2][i+2:]); err == nil {
			m.Received = t
		}
	}
	msg, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		return m
	}
	m.Subject = decodeWords(msg.Header.Get("Subject"))
	m.FromName = decodeWords(msg.Header.Get("From"))
	p := mail.AddressParser{WordDecoder: words}
	if a, err := p.Parse(msg.Header.Get("From")); err == nil {
		m.FromName = a.Name
		if m.FromName == "" {
			m.FromName = a.Address
		}
	}
	return m
}

var words = &mime.WordDecoder{CharsetReader: charset.Reader}

func decodeWords(s string) string {
	d, err := words.DecodeHeader(s)
	if err != nil {
		return s
	}
	return d
}

// file returns a mail's file. Only ids of mails in the list lead to one.
func (in *Inbox) file(id string) ([]byte, error) {
	in.mu.RLock()
	defer in.mu.RUnlock()
	if _, ok := in.find(id); !ok {
		return nil, errs.New(errs.NotFound, "There is no such mail.")
	}
	b, err := os.ReadFile(filepath.Join(in.dir, id+suffix))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errs.New(errs.NotFound, "This mail is not there any more.")
	}
	return b, err
}

// find returns the place of a mail in the list.
func (in *Inbox) find(id string) (int, bool) {
	for i := range in.mails {
		if in.mails[i].ID == id {
			return i, true
		}
	}
	return 0, false
}

// Raw returns a mail's bytes as they came over SMTP, dot-stuffing undone. It returns errs.NotFound for an unknown id.
func (in *Inbox) Raw(id string) ([]byte, error) {
	b, err := in.file(id)
	if err != nil {
		return nil, err
	}
	_, data := untrace(b)
	return data, nil
}
