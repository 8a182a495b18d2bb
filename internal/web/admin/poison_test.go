package admin_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"
)

// mark stands in everything that was poisoned; a page that has it has shown it.
const mark = "xss7q"

// payloads break out of text, attributes, titles, text areas, comments, scripts and styles. A column that does not take the
// first one gets the next.
var payloads = []string{
	`xss7q'"></title></textarea></style>--></script><script>top.xss7q=1</script><img src=x onerror=top.xss7q=1><svg/onload=top.xss7q=1>`,
	`xss7q"'><img src=x onerror=top.xss7q=1>`,
	`xss7q"onfocus=top.xss7q=1 autofocus x="`,
	`<b>xss7q`,
}

// address is what stands in place of an address of the web.
const address = `javascript:top.xss7q=1//"><script>top.xss7q=1</script>`

// working are columns that the program reads for itself, and that no door takes such text for: zones, schedules, states, keys. Most have a
// check in the database as well.
var working = regexp.MustCompile(`(^|_)(zone|language|schedule|hash|token|secret|secrets|password|code|codes|totp|lease|state|kind|template|frequency|edition|slug|provider|fingerprint|` +
	`dedupe|envelope_domain|envelope_from|lane|relay|guid|canonical|wire|canonical_url|recipe|rule|rules|own_rule|etag|id|late|no_approval|policy|reason|decision|late|method|event|action|salt|role|key|network)(_|$)`)

// compiled are tables of what was made of the others and is served or sent as it stands: poisoning it would poison the output itself.
// What goes into it is poisoned before it is made.
var compiled = []string{"messages", "goose_db_version", "audit_log", "permits", "signups_log"}

// poison puts the payloads into every text of every table, and returns how many columns took them.
func poison(t *testing.T, d *sqlx.DB) (n int) {
	t.Helper()
	var columns []struct {
		Table  string `db:"table_name"`
		Column string `db:"column_name"`
		Type   string `db:"data_type"`
	}
	if err := d.SelectContext(t.Context(), &columns, `SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c
		JOIN information_schema.tables t USING (table_schema, table_name)
		WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.data_type IN ('text', 'ARRAY', 'jsonb') AND c.is_generated = 'NEVER'
		ORDER BY 1, 2`); err != nil {
		t.Fatal(err)
	}
	for _, c := range columns {
		if slices.Contains(compiled, c.Table) || c.Table+"."+c.Column == "sessions.data" || working.MatchString(c.Column) || strings.Contains(c.Table, "_from_") {
			continue
		}
		switch {
		case c.Type == "jsonb":
			n += poisonJSON(t, d, c.Table, c.Column)
		case c.Type == "ARRAY":
			if took(t, d, fmt.Sprintf(`UPDATE %s SET %s = %[2]s || ARRAY[$1::text] WHERE NOT array_to_string(%[2]s, ' ') LIKE '%%xss7q%%'`, c.Table, c.Column), payloads[0]) {
				n++
			}
		case strings.HasSuffix(c.Column, "url") || strings.HasSuffix(c.Column, "moved_to"):
			if took(t, d, fmt.Sprintf(`UPDATE %s SET %s = $1`, c.Table, c.Column), address) ||
				took(t, d, fmt.Sprintf(`UPDATE %s SET %s = $1 || ctid::text`, c.Table, c.Column), address) {
				n++
			}
		default:
			for _, p := range payloads {
				if took(t, d, fmt.Sprintf(`UPDATE %s SET %s = %[2]s || $1 WHERE %[2]s NOT LIKE '%%xss7q%%'`, c.Table, c.Column), p) {
					n++
					break
				}
			}
		}
	}
	return n
}

// took runs a statement, which the database may refuse, and reports whether it changed anything.
func took(t *testing.T, d *sqlx.DB, query string, arg any) bool {
	res, err := d.ExecContext(t.Context(), query, arg)
	if err != nil {
		return false
	}
	n, err := res.RowsAffected()
	return err == nil && n > 0
}

// poisonJSON puts the payload into every string of a column of JSON.
func poisonJSON(t *testing.T, d *sqlx.DB, table, column string) int {
	t.Helper()
	var rows []struct {
		Row  string `db:"ctid"`
		Data []byte `db:"data"`
	}
	if err := d.SelectContext(t.Context(), &rows, fmt.Sprintf(`SELECT ctid::text AS ctid, %s AS data FROM %s WHERE %[1]s IS NOT NULL LIMIT 1000`, column, table)); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, r := range rows {
		var v any
		if err := json.Unmarshal(r.Data, &v); err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(poisoned("", v))
		if err != nil {
			t.Fatal(err)
		}
		if took(t, d, fmt.Sprintf(`UPDATE %s SET %s = $1::jsonb WHERE ctid = '%s'`, table, column, r.Row), string(data)) {
			n = 1
		}
	}
	return n
}

// poisoned returns v with the payload in its strings, but for those that say what it is.
func poisoned(key string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, in := range v {
			v[k] = poisoned(k, in)
		}
	case []any:
		for i, in := range v {
			v[i] = poisoned(key, in)
		}
	case string:
		switch {
		case key == "url":
			return address
		case working.MatchString(key) || key == "published" || strings.Contains(v, mark):
			return v
		}
		return v + payloads[0]
	}
	return v
}
