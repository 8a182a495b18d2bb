package demo

import (
	"bytes"
	"encoding/csv"
	"image/jpeg"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mmcdole/gofeed"
)

func open(t *testing.T) (*Newsroom, string) {
	t.Helper()
	srv := httptest.NewUnstartedServer(nil)
	n, err := Open("http://"+srv.Listener.Addr().String(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler = n.Handler()
	srv.Start()
	t.Cleanup(srv.Close)
	return n, srv.URL
}

// An independent parser must find in each feed what the stories say.
func TestFeedsCarryTheStories(t *testing.T) {
	n, base := open(t)
	total := 0
	for _, f := range Feeds {
		feed, err := gofeed.NewParser().ParseURL(base + f.Path)
		if err != nil {
			t.Fatalf("%s: %v", f.Path, err)
		}
		want := n.InFeed(f.Slug)
		if len(feed.Items) != len(want) {
			t.Fatalf("%s has %d items; want %d", f.Path, len(feed.Items), len(want))
		}
		for i, item := range feed.Items {
			if item.Title != want[i].Title || item.Link != want[i].URL || !item.PublishedParsed.Equal(want[i].Published) {
				t.Errorf("%s item %d: %q %q %v; want %q %q %v", f.Path, i, item.Title, item.Link, item.PublishedParsed, want[i].Title, want[i].URL, want[i].Published)
			}
			authors := len(item.Authors)
			if item.DublinCoreExt != nil { // of several dc:creator the parser makes one author
				authors = len(item.DublinCoreExt.Creator)
			}
			if authors != len(want[i].Author) || !strings.Contains(item.Authors[0].Name, want[i].Author[0].Institution) {
				t.Errorf("%s item %d: authors %v; want %v", f.Path, i, item.Authors, want[i].Author)
			}
		}
		total += len(want)
	}
	if total != len(n.Stories) || total < 12 {
		t.Errorf("the feeds carry %d of %d stories", total, len(n.Stories))
	}
}

func TestPicturesAreDrawnAndTheSameEachTime(t *testing.T) {
	n, _ := open(t)
	for _, s := range n.Stories {
		if s.Picture == "" {
			continue
		}
		a, ok := Picture(s.Picture)
		if !ok {
			t.Errorf("story %s: there is no scene %q", s.Slug, s.Picture)
			continue
		}
		b, _ := Picture(s.Picture)
		if !bytes.Equal(a, b) {
			t.Errorf("scene %q differs from one drawing to the next", s.Picture)
		}
		cfg, err := jpeg.DecodeConfig(bytes.NewReader(a))
		if err != nil || cfg.Width != PictureWidth || cfg.Height != PictureHeight || len(a) > 150_000 {
			t.Errorf("scene %q: %dx%d, %d bytes, %v", s.Picture, cfg.Width, cfg.Height, len(a), err)
		}
		if s.Alt == "" || s.Caption == "" || s.Credit == "" {
			t.Errorf("story %s has a picture without alt, caption or credit", s.Slug)
		}
	}
}

func TestReaders(t *testing.T) {
	rows, err := csv.NewReader(strings.NewReader(Readers())).ReadAll()
	if err != nil || len(rows) != 51 {
		t.Fatalf("%d rows, %v; want 50 readers and a head", len(rows), err)
	}
	for _, special := range []string{SuppressedReader, ShownReader} {
		found := false
		for _, r := range rows {
			found = found || r[0] == special && r[2] == "no" && r[3] == "confirmed"
		}
		if !found {
			t.Errorf("%s must be a confirmed reader who is no supporter", special)
		}
	}
}
