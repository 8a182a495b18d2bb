package readers

import (
	"net/http"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/transfer"
	"mailer/internal/web/admin/frame"
)

// export streams a list as CSV. With ?form=raw nothing is put before what a spreadsheet could take for a formula: for programs.
func (rm *room) export(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	if r.Method == http.MethodHead {
		return nil // an export stands in the audit log, and nobody took anything
	}
	lists, err := v.Lists(r.Context(), accounts.Editor)
	if err != nil {
		return err
	}
	out := &download{ResponseWriter: w, kind: "text/csv; charset=utf-8", name: v.List.Slug + ".csv"}
	err = rm.Transfer.Export(r.Context(), v.List.ID, out, transfer.ExportOptions{Who: v.Who(), Raw: oneOf(r.URL.Query().Get("form"), "raw") != "", Known: listIDs(v, lists)})
	if err != nil && out.begun {
		rm.Log.Warn("an export broke off", "list", v.List.Slug, "err", err)
		panic(http.ErrAbortHandler) // half a list must not look like a whole one
	}
	return err
}

// download names a file once there is something in it, so that an error before that is a page.
type download struct {
	http.ResponseWriter
	kind, name string
	begun      bool
}

// stalled is how long somebody may take none of a file before the connection is given up: an export has no limit of its own.
const stalled = time.Minute

func (d *download) Write(p []byte) (int, error) {
	_ = http.NewResponseController(d.ResponseWriter).SetWriteDeadline(time.Now().Add(stalled)) // a writer that has none needs none
	if !d.begun {
		d.begun = true
		d.Header().Set("Content-Type", d.kind)
		d.Header().Set("Content-Disposition", `attachment; filename="`+d.name+`"`)
	}
	return d.ResponseWriter.Write(p)
}
