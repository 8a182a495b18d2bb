package dkim

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

// maxFile is how large a key file may be, in octets. A key of 4096 bits has 3,272.
const maxFile = 32 << 10

// What stands above the key in a file of ours, for people and to notice a file that was given another name. Programs that read
// PEM pass over it (RFC 7468 section 5.2).
const (
	noteDomain   = "Domain: "
	noteSelector = "Selector: "
	noteMade     = "Made: "
)

// encode returns the key as a file.
func (k *Key) encode() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return nil, err
	}
	notes := "DKIM key, to be kept secret. Its record is at " + k.Name() + "\n" +
		noteDomain + k.Domain + "\n" + noteSelector + k.Selector + "\n" + noteMade + k.Made.UTC().Format(time.RFC3339) + "\n"
	return append([]byte(notes), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...), nil
}

// parseKey reads a key file whose name says that it is for this domain and selector. The error is a sentence about the file
// that tells nothing of what is in it.
func parseKey(data []byte, domain, selector string) (*Key, error) {
	k := &Key{Domain: domain, Selector: selector}
	if len(data) > maxFile {
		return nil, fmt.Errorf("has more than %d octets; it is not a key", maxFile)
	}
	block, rest := pem.Decode(data)
	if block == nil {
		return nil, errors.New("is not a PEM file with a private key in it")
	}
	if other, _ := pem.Decode(rest); other != nil {
		return nil, errors.New("has more than one key in it; keep one in each file, under a selector of its own")
	}
	head, _, _ := strings.Cut(string(data), "-----BEGIN")
	for line := range strings.Lines(head) {
		line = strings.TrimSpace(line)
		if d, ok := strings.CutPrefix(line, noteDomain); ok && !strings.EqualFold(d, domain) {
			return nil, fmt.Errorf("was made for the domain %.100q, which its name does not say; give it its name back", d)
		}
		if s, ok := strings.CutPrefix(line, noteSelector); ok && !strings.EqualFold(s, selector) {
			return nil, fmt.Errorf("was made for the selector %.100q, which its name does not say; give it its name back", s)
		}
		if m, ok := strings.CutPrefix(line, noteMade); ok {
			k.Made, _ = time.Parse(time.RFC3339, m)
		}
	}
	private, err := parsePrivate(block)
	if err != nil {
		return nil, err
	}
	return k, k.use(private)
}

func parsePrivate(block *pem.Block) (private any, err error) {
	switch {
	case block.Headers["Proc-Type"] != "" || block.Type == "ENCRYPTED PRIVATE KEY":
		return nil, errors.New("is protected by a passphrase; take it off with: openssl pkey -in FILE -out FILE")
	case block.Type == "PRIVATE KEY":
		private, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case block.Type == "RSA PRIVATE KEY":
		private, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("holds a %.40q; a private key of kind RSA or Ed25519 is needed", block.Type)
	}
	if err != nil {
		return nil, errors.New("holds a private key that cannot be read; it is damaged, or of a kind that DKIM does not know")
	}
	return private, nil
}
