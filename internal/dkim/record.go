package dkim

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Record returns the text of the key's DNS record (RFC 6376 section 3.6.1), in one piece.
func (k *Key) Record() string {
	return "v=DKIM1; k=" + string(k.Algorithm) + "; p=" + base64.StdEncoding.EncodeToString(k.public)
}

// maxString is how many octets one string of a TXT record holds (RFC 1035 section 3.3). Verifiers join the strings of a record
// with nothing in between (RFC 6376 section 3.6.2.2).
const maxString = 255

// Strings returns the record cut into the strings of a zone file.
func (k *Key) Strings() []string {
	var list []string
	for part := range slices.Chunk([]byte(k.Record()), maxString) {
		list = append(list, string(part))
	}
	return list
}

// Zone returns the record as a line of a zone file.
func (k *Key) Zone() string {
	return k.Name() + `. IN TXT ( "` + strings.Join(k.Strings(), `" "`) + `" )`
}

// Match says whether what DNS answers for the key's name lets verifiers check its signatures: nil, or an error whose text
// is a sentence about the record.
func (k *Key) Match(answers []string) error {
	switch len(answers) {
	case 0:
		return errors.New("there is no such record yet")
	case 1:
	default:
		return fmt.Errorf("there are %d records of this name; verifiers want exactly one, so take the others out", len(answers))
	}
	rec, err := parseRecord(answers[0])
	switch {
	case err != nil:
		return err
	case rec.kind != k.Algorithm:
		return fmt.Errorf("the record is for a key of kind %q; the key is of kind %s", rec.kind, k.Algorithm)
	case !bytes.Equal(rec.public, k.public):
		return errors.New("the record holds another key; copy the value that mailer dkim show prints")
	}
	return nil
}

// record is what a key record says.
type record struct {
	kind   Algorithm
	public []byte
}

// parseRecord reads the text of a key record. It refuses what a verifier may refuse.
func parseRecord(text string) (rec record, err error) {
	tags, err := parseTags(text)
	if err != nil {
		return rec, err
	}
	if v, ok := tags["v"]; ok && (v != "DKIM1" || !strings.HasPrefix(strings.TrimLeft(text, " \t"), "v")) {
		return rec, errors.New(`the record must begin with v=DKIM1`)
	}
	if h, ok := tags["h"]; ok && !slices.Contains(splitTrim(h), "sha256") {
		return rec, errors.New("the record does not allow SHA-256 (h=); take h= out")
	}
	if s, ok := tags["s"]; ok && !slices.Contains(splitTrim(s), "*") && !slices.Contains(splitTrim(s), "email") {
		return rec, errors.New("the record is not for mail (s=); take s= out")
	}
	if slices.Contains(splitTrim(tags["t"]), "y") {
		return rec, errors.New("the record says t=y, that the domain is only testing; verifiers may treat its mail as unsigned, so take t=y out")
	}
	p, ok := tags["p"]
	if !ok {
		return rec, errors.New("the record has no key in it (p=)")
	}
	if p = strings.Join(strings.Fields(p), ""); p == "" {
		return rec, errors.New("the record says that the key is revoked (an empty p=)")
	}
	data, err := base64.StdEncoding.DecodeString(p)
	if err != nil {
		return rec, errors.New("the key in the record (p=) is not base64; it may have been cut, or have quotation marks in it")
	}
	rec.kind = RSA
	if kind, ok := tags["k"]; ok {
		rec.kind = Algorithm(kind)
	}
	switch rec.kind {
	case RSA:
		rec.public, err = publicRSA(data)
	case Ed25519:
		if rec.public = data; len(data) != ed25519.PublicKeySize {
			err = errors.New("the key in the record (p=) has the wrong length; it may have been cut")
		}
	default:
		err = fmt.Errorf("the record is for a key of kind %.20q, which is unknown here", rec.kind)
	}
	return rec, err
}

// publicRSA returns the key as SubjectPublicKeyInfo. The RFC speaks of an RSAPublicKey and everybody publishes the former;
// verifiers take both.
func publicRSA(data []byte) ([]byte, error) {
	public, err := x509.ParsePKIXPublicKey(data)
	if err != nil {
		public, err = x509.ParsePKCS1PublicKey(data)
	}
	if key, ok := public.(*rsa.PublicKey); ok && err == nil {
		if spki, err := x509.MarshalPKIXPublicKey(key); err == nil {
			return spki, nil
		}
	}
	return nil, errors.New("the key in the record (p=) cannot be read; it may have been cut")
}

// parseTags reads a tag list (RFC 6376 section 3.2).
func parseTags(text string) (map[string]string, error) {
	tags := map[string]string{}
	for part := range strings.SplitSeq(text, ";") {
		if part = strings.Trim(part, " \t\r\n"); part == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		name = strings.TrimRight(name, " \t\r\n")
		if !ok || name == "" || strings.ContainsAny(name, "\"'\\ ") {
			return nil, errors.New("the record is not a list of tags like v=DKIM1; k=rsa; p=…; copy the value that mailer dkim show prints, without quotation marks")
		}
		if _, twice := tags[name]; twice {
			return nil, fmt.Errorf("the record has the tag %.10q twice", name)
		}
		tags[name] = strings.Trim(value, " \t\r\n")
	}
	return tags, nil
}

func splitTrim(s string) []string {
	list := strings.Split(s, ":")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// CheckSPF says whether the TXT records of a domain hold one SPF policy (RFC 7208 section 4.5): nil, or a sentence. Whether it
// names the relay is not known here.
func CheckSPF(answers []string) (policy string, err error) {
	return onlyPolicy(answers, "SPF", func(a string) bool { return a == "v=spf1" || strings.HasPrefix(a, "v=spf1 ") })
}

// CheckDMARC says whether the TXT records below _dmarc hold one DMARC policy (RFC 9989): nil, or a sentence.
func CheckDMARC(answers []string) (policy string, err error) {
	policy, err = onlyPolicy(answers, "DMARC", func(a string) bool { return strings.HasPrefix(strings.ReplaceAll(a, " ", ""), "v=DMARC1;") })
	if err != nil {
		return policy, err
	}
	tags, err := parseTags(policy)
	if err != nil {
		return policy, errors.New("the DMARC record is not a list of tags; write it like v=DMARC1; p=none")
	}
	switch tags["p"] {
	case "none", "quarantine", "reject":
		return policy, nil
	}
	return policy, errors.New("the DMARC record lacks its policy; write it like v=DMARC1; p=none")
}

func onlyPolicy(answers []string, kind string, is func(string) bool) (string, error) {
	var found []string
	for _, a := range answers {
		if a = strings.TrimSpace(a); is(a) {
			found = append(found, a)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("there is no %s record", kind)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("there are %d %s records; receivers then act as if there were none, so make one of them", len(found), kind)
}
