package render

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"mailer/internal/message"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden compares whole messages with what people have looked at. A change of a template is meant to show up here:
// look at it (make screenshots), then run the test with -update.
func TestGolden(t *testing.T) {
	t.Parallel()
	reader := message.Reader{To: "reader@example.org", MessageID: "fixture@news.lantern.example", LeaveToken: leaveToken, PreferencesToken: preferencesToken, Name: "Ada", Groups: everyone}
	proof := sample(TemplateDigest)
	proof.Proof = true
	french := sample(TemplateDigest)
	french.List.Language = "fr"
	supporter := reader
	supporter.Groups, supporter.Name = supporters, ""
	out, err := builtin.Letter(sampleLetter())
	if err != nil {
		t.Fatal(err)
	}
	confirm := draftOf(sample(TemplateDigest), nil)
	confirm.Bulk, confirm.AutoSubmitted, confirm.HTML, confirm.Text, confirm.Subject = false, true, out.HTML, out.Text, "Please confirm: The Lantern"
	for name, got := range map[string][]byte{
		"digest":           send(t, sample(TemplateDigest), reader).raw,
		"digest-supporter": send(t, sample(TemplateDigest), supporter).raw,
		"digest-french":    send(t, french, reader).raw,
		"story":            send(t, sample(TemplateStory), reader).raw,
		"proof":            send(t, proof, reader).raw,
		"sponsored":        send(t, sponsored(), reader).raw,
		"letter":           build(t, confirm, reader).raw,
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata", name+".eml")
			if *update {
				if err := os.MkdirAll("testdata", 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("the message differs from %s; if it should, look at it and run the test with -update", file)
			}
		})
	}
}
