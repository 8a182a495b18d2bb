package frame

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

// Scripts of others that the pages use, whole and unchanged; their licences stand in assets/licences:
// htmx 2.0.11 (0BSD), SortableJS 1.15.7 (MIT), uPlot 1.6.32 (MIT).
//
//go:embed assets
var assetFiles embed.FS

const assetsPath = "/admin/assets/"

// asset is a file that browsers keep, since its address changes with its content.
type asset struct {
	data, zipped []byte
	hash, kind   string
}

type assets struct{ byName map[string]asset }

// Asset serves a file under an address that changes with its content. Pages name it in Head.Scripts and Head.Styles, and in
// templates as {{asset "name"}}.
func (f *Frame) Asset(name string, data []byte) {
	if _, again := f.assets.byName[name]; again {
		panic("there are two assets " + name)
	}
	sum := sha256.Sum256(data)
	a := asset{data: data, hash: hex.EncodeToString(sum[:8]), kind: mime.TypeByExtension(path.Ext(name))}
	switch path.Ext(name) { // not what this machine says of them
	case ".js":
		a.kind = "text/javascript; charset=utf-8"
	case ".css":
		a.kind = "text/css; charset=utf-8"
	case ".svg":
		a.kind = "image/svg+xml"
	}
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is a constant that it knows
	_, _ = z.Write(data)                                  // into memory
	_ = z.Close()
	if a.zipped = b.Bytes(); len(a.zipped) > len(data)*9/10 {
		a.zipped = nil
	}
	f.assets.byName[name] = a
}

// ownAssets registers the files of the frame.
func (f *Frame) ownAssets() {
	entries, err := fs.ReadDir(assetFiles, "assets")
	if err != nil {
		panic(err) // embedded
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		data, err := assetFiles.ReadFile("assets/" + e.Name())
		if err != nil {
			panic(err)
		}
		f.Asset(e.Name(), data)
	}
}

// AssetURL returns the address of an asset. It panics for a name that nobody registered, which no test of the page survives.
func (f *Frame) AssetURL(name string) string {
	a, ok := f.assets.byName[name]
	if !ok {
		panic("there is no asset " + name)
	}
	return assetsPath + a.hash + "/" + name
}

func (f *Frame) serveAsset(w http.ResponseWriter, r *http.Request) {
	a, ok := f.assets.byName[r.PathValue("name")]
	if !ok {
		plain(w, http.StatusNotFound, "There is no such file.")
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	if r.PathValue("hash") != a.hash {
		h.Set("Cache-Control", "no-cache") // an older page after an update: the newest will do, but not for ever
	}
	h.Set("Vary", "Accept-Encoding")
	data := a.data
	if a.zipped != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		data = a.zipped
	}
	_, _ = w.Write(data) // who asked may have gone
}
