package render

import (
	"slices"
	"strings"
	"testing"
)

// inOrder is a small mail that is in order.
const inOrder = `<!doctype html><html lang="en" dir="ltr"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark"><title>T</title>
<style>p{mso-line-height-rule:exactly} @media (max-width:600px){ .a{width:100%!important} }</style>
<style>@media (prefers-color-scheme:dark){ .p{background-color:#202020!important} .i{color:#eeeeee!important} }</style>
<style>[data-ogsb] .p{background-color:#202020!important} [data-ogsc] .i{color:#eeeeee!important}</style></head>
<body class="p" bgcolor="#fdfdfb"><div style="display:none;max-height:0">A preheader that is long enough to be shown beside it.</div>
<div role="article" lang="en" dir="ltr"><table role="presentation" class="p"><tr><td>
<h1 class="i" style="color:#1a1a1a">Head</h1><h2 class="i" style="color:#1a1a1a"><a class="i" style="color:#1a1a1a" href="https://www.lantern.example/a">A story</a></h2>
<p class="i" style="color:#1a1a1a;font-size:16px">Words. <img src="https://www.lantern.example/a.jpg" width="600" height="400" alt="A pier"></p>
</td></tr></table></div></body></html>`

func TestCheckHTML(t *testing.T) {
	t.Parallel()
	if got := CheckHTML(inOrder, hosts...); len(got) != 0 {
		t.Fatalf("a mail in order has problems: %v", got)
	}
	link := func(href, text string) string {
		return `<a class="i" style="color:#1a1a1a" href="` + href + `">` + text + "</a> "
	}
	body := func(s string) [2]string { return [2]string{"Words.", "Words. " + s} }
	for name, tc := range map[string]struct {
		change [2]string
		rule   string
	}{
		"MSG-26 http":                 {body(link("http://www.lantern.example/", "x")), "https"},
		"MSG-26 relative":             {body(link("/a", "x")), "https"},
		"MSG-26 script":               {body(link("javascript:alert(1)", "x")), "https"},
		"MSG-26 data":                 {body(link("data:text/html,x", "x")), "https"},
		"MSG-26 anchor":               {body(link("#top", "x")), "https"},
		"MSG-26 IP":                   {body(link("https://192.0.2.1/", "x")), "ip"},
		"MSG-26 shortener":            {body(link("https://bit.ly/x", "x")), "shortener"},
		"MSG-26 user":                 {body(link("https://a:b@www.lantern.example/", "x")), "userinfo"},
		"MSG-26 other host":           {body(link("https://elsewhere.example/", "x")), "host"},
		"MSG-26 localhost":            {body(link("http://localhost:80/", "x")), "localhost"},
		"MSG-26 text of another host": {body(link("https://www.lantern.example/", "www.example.org")), "disguise"},
		"MSG-26 in Word's comment":    {body(`<!--[if mso]><v:roundrect href="http://www.lantern.example/"><![endif]-->`), "https"},
		"MSG-27 no alt":               {[2]string{` alt="A pier"`, ""}, "image"},
		"MSG-27 no width":             {[2]string{` width="600"`, ""}, "image"},
		"MSG-27 no height":            {[2]string{` height="400"`, ""}, "image"},
		"MSG-27 data":                 {[2]string{"https://www.lantern.example/a.jpg", "data:image/png;base64,AAAA"}, "https"},
		"MSG-27 svg":                  {[2]string{"a.jpg", "a.svg"}, "image"},
		"MSG-37 pixel":                {[2]string{`width="600" height="400"`, `width="1" height="1"`}, "image"},
		"MSG-28 no lang":              {[2]string{`<html lang="en"`, "<html"}, "lang"},
		"MSG-28 no wrapper":           {[2]string{`role="article" lang="en"`, `role="article"`}, "lang"},
		"MSG-28 no title":             {[2]string{"<title>T</title>", ""}, "head"},
		"MSG-28 empty title":          {[2]string{"<title>T", "<title> "}, "head"},
		"MSG-28 no charset":           {[2]string{`<meta charset="utf-8">`, ""}, "head"},
		"MSG-28 no viewport":          {[2]string{"viewport", "view"}, "head"},
		"MSG-29 table":                {[2]string{`<table role="presentation"`, "<table"}, "table"},
		"MSG-29 no h1":                {[2]string{"<h1", "<p"}, "heading"},
		"MSG-29 two h1":               {[2]string{"<h2", "<h1"}, "heading"},
		"MSG-29 level left out":       {[2]string{"<h2", "<h3"}, "heading"},
		"MSG-29 empty heading":        {[2]string{">Head<", "><"}, "heading"},
		"MSG-29 empty link":           {[2]string{">A story<", "> <"}, "link"},
		"MSG-29 the same link twice":  {body(link("https://www.lantern.example/b", "x") + link("https://www.lantern.example/b", "y")), "link"},
		"MSG-29 hidden, not skipped":  {body(`<a href="https://www.lantern.example/b" aria-hidden="true"><img src="https://www.lantern.example/a.jpg" width="60" height="40" alt=""></a>`), "link"},
		"MSG-30 light":                {[2]string{"color:#1a1a1a;font-size", "color:#999999;font-size"}, "contrast"},
		"MSG-30 dark":                 {[2]string{`<p class="i"`, "<p"}, "contrast"},
		"MSG-30 Outlook":              {[2]string{"[data-ogsc] .i{color:#eeeeee", "[data-ogsc] .i{color:#333333"}, "contrast"},
		"MSG-30 alt":                  {[2]string{`alt="A pier"`, `alt="A pier" style="color:#aaaaaa"`}, "contrast"},
		"MSG-30 link of no colour":    {[2]string{`<a class="i" style="color:#1a1a1a"`, "<a"}, "contrast"},
		"MSG-30 too small":            {[2]string{"font-size:16px", "font-size:9px"}, "small"},
		"MSG-31 color-scheme":         {[2]string{`name="color-scheme"`, `name="scheme"`}, "head"},
		"MSG-31 supported":            {[2]string{`name="supported-color-schemes"`, `name="supported"`}, "head"},
		"MSG-31 no dark rules":        {[2]string{"@media (prefers-color-scheme:dark){ .p{background-color:#202020!important} .i{color:#eeeeee!important} }", ""}, "dark"},
		"MSG-32 script":               {body("<script>x</script>"), "element"},
		"MSG-32 form":                 {body("<form></form>"), "element"},
		"MSG-32 iframe":               {body("<iframe></iframe>"), "element"},
		"MSG-32 video":                {body("<video></video>"), "element"},
		"MSG-32 object":               {body("<object></object>"), "element"},
		"MSG-32 link":                 {[2]string{"<title>", `<link rel="stylesheet" href="https://www.lantern.example/a.css"><title>`}, "element"},
		"MSG-32 base":                 {[2]string{"<title>", `<base href="https://www.lantern.example/"><title>`}, "element"},
		"MSG-32 handler":              {[2]string{`<h1 class="i"`, `<h1 class="i" onclick="x()"`}, "attribute"},
		"MSG-32 id":                   {[2]string{`<h1 class="i"`, `<h1 class="i" id="x"`}, "attribute"},
		"MSG-32 position":             {[2]string{"font-size:16px", "font-size:16px;position:fixed"}, "css"},
		"MSG-32 flex":                 {[2]string{"font-size:16px", "font-size:16px;display:flex"}, "css"},
		"MSG-32 url":                  {[2]string{"font-size:16px", "font-size:16px;border:url(x)"}, "css"},
		"MSG-32 rem":                  {[2]string{"font-size:16px", "font-size:1rem"}, "css"},
		"MSG-32 short colour":         {[2]string{"color:#1a1a1a;font-size", "color:#111;font-size"}, "css"},
		"MSG-32 rgba":                 {[2]string{"color:#1a1a1a;font-size", "color:rgba(0,0,0,1);font-size"}, "css"},
		"MSG-32 negative margin":      {[2]string{"font-size:16px", "margin:-1px"}, "css"},
		"MSG-32 margin of a table":    {[2]string{`<table role="presentation"`, `<table role="presentation" style="margin:0"`}, "css"},
		"MSG-32 hidden text":          {[2]string{"font-size:16px", "display:none"}, "hidden"},
		"MSG-32 import":               {[2]string{"<style>p{", "<style>@import 'x';p{"}, "style"},
		"MSG-32 supports":             {[2]string{"<style>p{", "<style>@supports (a:b){p{}} p{"}, "style"},
		"MSG-32 comment":              {[2]string{"<style>p{", "<style>/* x */p{"}, "style"},
		"MSG-32 selector":             {[2]string{"<style>p{", "<style>p:hover{"}, "style"},
		"MSG-32 not closed":           {[2]string{"<style>p{", "<style>p{a}b{"}, "css"},
		"MSG-32 long style":           {[2]string{"<style>p{", "<style>" + strings.Repeat("p{color:#1a1a1a} ", 500) + "p{"}, "style"},
		"MSG-33 none":                 {[2]string{"display:none;max-height:0", "max-height:0"}, "preheader"},
		"MSG-33 short":                {[2]string{"A preheader that is long enough to be shown beside it.", "Short."}, "preheader"},
		"MSG-33 long":                 {[2]string{"A preheader that", strings.Repeat("A preheader that ", 9)}, "preheader"},
		"MSG-33 repeated":             {[2]string{">Head<", ">A preheader that is long enough to be shown beside it.<"}, "preheader"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(inOrder, tc.change[0]) {
				t.Fatalf("nothing to change: %q", tc.change[0])
			}
			got := CheckHTML(strings.Replace(inOrder, tc.change[0], tc.change[1], 1), hosts...)
			if !slices.ContainsFunc(got, func(p Problem) bool { return p.Rule == tc.rule }) {
				t.Errorf("problems %v; want one of rule %q", got, tc.rule)
			}
		})
	}
}
