package message_test

import (
	"fmt"
	"html/template"
	"strings"
	"testing"

	"mailer/internal/errs"
	"mailer/internal/message"
)

// Marks pass unharmed through html/template in text, attribute and URL.
func TestMarksSurviveTemplates(t *testing.T) {
	m := message.NewMarks("n")
	name, leave := m.Slot(message.SlotName, "reader"), m.Slot(message.SlotLeave, "")
	tpl := template.Must(template.New("").Parse(`<p title="{{.Name}}">{{.Name}}</p><a href="https://news.example.org/u/{{.Leave}}">x</a><a href="{{.Base}}{{.Leave}}">x</a>`))
	var out strings.Builder
	if err := tpl.Execute(&out, map[string]string{"Name": name, "Leave": leave, "Base": "https://news.example.org/u/"}); err != nil {
		t.Fatal(err)
	}
	if strings.Count(out.String(), name) != 2 || strings.Count(out.String(), leave) != 2 {
		t.Errorf("marks were altered: %s", out.String())
	}
	for _, mark := range []string{name, leave, m.Open(0), m.Close(63)} {
		for _, c := range mark {
			if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", c) {
				t.Fatalf("mark %q", mark)
			}
		}
	}
}

// A mask switches groups in and out, nested ones only inside, in both parts alike.
func TestGroups(t *testing.T) {
	d := draft(t)
	m := d.Marks
	leave := m.Slot(message.SlotLeave, "")
	nested := "always<i></i>" + m.Open(0) + "zero<b>" + m.Open(63) + "inner" + m.Close(63) + "</b>" + m.Close(0) + m.Open(63) + "last" + m.Close(63) + leave
	d.HTML, d.Text = nested, nested
	c := compile(t, d)
	if c.Groups() != 1|1<<63 {
		t.Errorf("Groups() = %x", c.Groups())
	}
	r := reader(t, 99, 7)
	for mask, want := range map[uint64]string{
		0: "always<i></i>", 1: "always<i></i>zero<b></b>", 1 << 63: "always<i></i>last", 1 | 1<<63: "always<i></i>zero<b>inner</b>last", 2: "always<i></i>",
	} {
		r.Groups = mask
		p := parse(t, build(t, d, r))
		if want += r.LeaveToken + "\n"; p.text != want || p.html != want {
			t.Errorf("groups %x: text %q, HTML %q; want %q", mask, p.text, p.html, want)
		}
		stripped := m.Strip(d.HTML, mask)
		if want = strings.TrimSuffix(want, r.LeaveToken+"\n"); stripped != want {
			t.Errorf("Strip with %x gives %q; want %q", mask, stripped, want)
		}
	}
}

func TestStrip(t *testing.T) {
	m := message.NewMarks("n")
	s := "<p>" + m.Slot(message.SlotName, "<dear> reader") + m.Open(1) + "appeal" + m.Slot(message.SlotLeave, "") + m.Close(1) + "</p>"
	if got := m.Strip(s, 0); got != "<p>&lt;dear&gt; reader</p>" {
		t.Errorf("Strip = %q", got)
	}
	// What Compile would refuse does not reach a browser either.
	tag := strings.TrimSuffix(m.Open(1), "o1z")
	for _, bad := range []string{tag + "x", tag, m.Close(3), tag + "s99z", tag + "o64z", tag + "o01z"} {
		if got := m.Strip("a"+bad+"b", 0); strings.Contains(got, tag) || !strings.HasPrefix(got, "a") {
			t.Errorf("Strip(%q) = %q", bad, got)
		}
	}
}

// Marks that are unknown, unbalanced or misplaced are refused with a text that says so.
func TestMisplacedMarks(t *testing.T) {
	m := message.NewMarks("n")
	name, leave := m.Slot(message.SlotName, "reader"), m.Slot(message.SlotLeave, "")
	open, shut, open2, shut2 := m.Open(1), m.Close(1), m.Open(2), m.Close(2)
	tag := strings.TrimSuffix(open, "o1z")
	for what, tc := range map[string]struct{ html, text, says string }{
		"unknown slot":           {"<p>" + tag + "s9z</p>", "", "unknown mark"},
		"unknown group":          {"<p>" + tag + "o64z</p>", "", "unknown mark"},
		"cut mark":               {"<p>" + tag + "</p>", "", "unknown mark"},
		"mark in capitals":       {"<p>" + strings.ToUpper(name) + "</p>", "", "letters were changed"},
		"unknown in text":        {"", tag + "q1z", "unknown mark"},
		"not closed":             {open + "<p>a</p>", "", "does not close"},
		"not closed in text":     {"", open + "a", "does not close"},
		"not opened":             {"<p>a</p>" + shut, "", "not the innermost"},
		"crossed":                {open + "a" + open2 + "b" + shut + "c" + shut2, open + open2 + shut2 + shut, "not the innermost"},
		"crossed in text":        {"", open + open2 + shut + shut2, "not the innermost"},
		"HTML only":              {open + "a" + shut, "", "differ in the optional group 1"},
		"text only":              {"", open + "a" + shut, "differ in the optional group 1"},
		"group across elements":  {"<table><tr><td>" + open + "a</td></tr></table>" + shut, open + shut, "which began within it"},
		"group ends inside":      {open + "<div>a" + shut + "</div>", open + shut, "was opened in it"},
		"group in a tag":         {"<p " + open + "class=a" + shut + ">a</p>", open + shut, "inside the tag <p>"},
		"group in an attribute":  {`<p class="` + open + "a" + shut + `">a</p>`, open + shut, "inside the tag <p>"},
		"group in a style":       {"<style>" + open + "p{}" + shut + "</style>", open + shut, "inside <style>"},
		"group in a title":       {"<title>" + open + "p" + shut + "</title>", open + shut, "inside <title>"},
		"group in a comment":     {"<!-- " + open + "p" + shut + " -->", open + shut, "inside a comment"},
		"name in a comment":      {"<!-- " + name + " -->", "", "inside a comment"},
		"leave in a comment":     {"<!-- " + leave + " -->", "", "inside a comment"},
		"name in a URL":          {`<a href="https://example.org/?n=` + name + `">a</a>`, "", `attribute "href"`},
		"name in an image URL":   {`<img src="https://example.org/` + name + `">`, "", `attribute "src"`},
		"leave in an image URL":  {`<img src="https://example.org/` + leave + `">`, "", `attribute "src"`},
		"name in a style":        {`<p style="color:` + name + `">`, "", `attribute "style"`},
		"name in a handler":      {`<p onclick="` + name + `">`, "", `attribute "onclick"`},
		"name in a script":       {"<script>" + name + "</script>", "", "inside <script>"},
		"name without quotes":    {"<img alt=" + name + ">", "", "not safe"},
		"name as a tag":          {"<a" + name + ">", "", "not safe"},
		"name as an attribute":   {"<p " + name + "=\"a\">", "", "not safe"},
		"name in an end tag":     {"</p " + name + ">", "", "not safe"},
		"name after quoted":      {`<p alt="a"` + name + `>`, "", "not safe"},
		"tag that does not end":  {`<p alt="` + name, "", "ends inside a tag"},
		"unquoted, later quoted": {`<p a=b'` + name + `' c="d">`, "", "not safe"},
	} {
		d := draft(t)
		d.Marks = m
		d.HTML = "<p>" + leave + "</p>" + tc.html
		d.Text = "text" + leave + tc.text
		_, err := message.Compile(d)
		if errs.KindOf(err) != errs.Invalid || !strings.Contains(errs.Public(err), tc.says) {
			t.Errorf("%s: %v; want %q", what, err, tc.says)
		}
	}
	for what, html := range map[string]string{
		"name in alt":                 `<img src="https://example.org/a.png" ALT="Hello ` + name + `" width=1>`,
		"name in a single-quoted alt": `<img width=1 alt='Hello ` + name + `' src=https://example.org/a.png />`,
		"name after an odd attribute": `<img hidden / data-x = "=>" aria-label = "` + name + `">`,
		"name in the title":           "<title>" + name + "</title>",
		"leave for Outlook":           `<!--[if mso]><v:roundrect href="https://news.example.org/u/` + leave + `"></v:roundrect><![endif]-->`,
		"loose elements":              open + "<ul><li>a<li>b</ul><p>c<br>d<img alt=a src=b>" + shut + "</p>",
		"whole comment in a group":    open + "<!--[if mso]><table><tr><td><![endif]--><div>a</div><!--[if mso]></td></tr></table><![endif]-->" + shut,
		"same group twice":            open + "a" + shut + "b" + open + "c" + shut,
	} {
		d := draft(t)
		d.Marks = m
		d.HTML = "<p>" + leave + "</p>" + html
		d.Text = "text" + leave
		if strings.Contains(html, open) {
			d.Text += open + "a" + shut
		}
		if _, err := message.Compile(d); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A draft without marks is a fixed mail.
func TestNoMarks(t *testing.T) {
	d := draft(t)
	d.Marks, d.Bulk, d.HTML, d.Text = nil, false, "<p>a</p>\n", "a\n"
	r := reader(t, 99, 7)
	if p := parse(t, build(t, d, r)); p.text != "a\n" || p.html != "<p>a</p>\n" {
		t.Errorf("text %q, HTML %q", p.text, p.html)
	}
}

// The inert link of a proof: a single mail may leave the token out and shows the fallback.
func TestLeaveFallback(t *testing.T) {
	d := draft(t)
	d.Bulk = false
	leave := d.Marks.Slot(message.SlotLeave, "proof")
	d.HTML, d.Text = fmt.Sprintf(`<a href="https://news.example.org/u/%s">x</a>`, leave), "https://news.example.org/u/"+leave
	r := reader(t, 99, 7)
	r.LeaveToken = ""
	if p := parse(t, build(t, d, r)); p.text != "https://news.example.org/u/proof\n" || !strings.Contains(p.html, `/u/proof"`) {
		t.Errorf("text %q, HTML %q", p.text, p.html)
	}
}
