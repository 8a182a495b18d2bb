package inbox

import (
	"strings"
	"testing"
)

func TestForFrame(t *testing.T) {
	t.Parallel()
	const tag = `<base target="_blank">`
	for in, want := range map[string]string{
		"<!doctype html><html lang=en><head><title>x</title>": "<!doctype html><html lang=en><head>" + tag + "<title>x</title>",
		"<!DOCTYPE html>\n<!-- c --><HTML><HEAD class=x>y":    "<!DOCTYPE html>\n<!-- c --><HTML><HEAD class=x>" + tag + "y",
		"<!doctype html><p>x":                                 "<!doctype html>" + tag + "<p>x",
		"text <head>":                                         tag + "text <head>",
		"":                                                    tag,
		"<html><body><head>x":                                 "<html>" + tag + "<body><head>x",
		"<!-- never closed <head>x":                           tag + "<!-- never closed <head>x",
	} {
		if got := forFrame(in); got != want && !strings.HasPrefix(in, "<!-- never") || !strings.Contains(got, tag) {
			t.Errorf("forFrame(%q) = %q; want %q", in, got, want)
		}
	}
}

func TestLinked(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"see https://a.example/b?c=1, and (http://d.example).": "https://a.example/b?c=1 http://d.example",
		"https:// http://. https://\" http":                    "",
		"<https://a.example/x>":                                "https://a.example/x",
		"xhttps://a.example":                                   "https://a.example",
		"":                                                     "",
	} {
		var urls, all []string
		for _, p := range linked(in) {
			all = append(all, p.Text)
			if p.URL != "" {
				urls = append(urls, p.URL)
			}
		}
		if got := strings.Join(urls, " "); got != want || strings.Join(all, "") != in {
			t.Errorf("linked(%q) = %q", in, got)
		}
	}
}

func FuzzTake(f *testing.F) {
	f.Add([]byte("Subject: x\r\nContent-Type: multipart/alternative; boundary=B\r\n\r\n--B\r\n\r\nx\r\n--B--\r\n"))
	f.Add([]byte("Return-Path: <a>\r\nDelivered-To: b\r\nReceived: from c by d; Sun, 22 Nov 2026 08:00:00 +0000\r\nContent-Type: text/html\r\n\r\n<head>"))
	f.Fuzz(func(t *testing.T, file []byte) {
		c := take(file)
		describe("1", file)
		if got := forFrame(c.HTML); len(got) != len(c.HTML)+len(`<base target="_blank">`) {
			t.Fatalf("%q", got)
		}
		var b strings.Builder
		for _, p := range linked(c.Text) {
			b.WriteString(p.Text)
			if p.URL != "" && !strings.HasPrefix(p.URL, "https://") && !strings.HasPrefix(p.URL, "http://") {
				t.Fatalf("%q", p.URL)
			}
		}
		if b.String() != c.Text {
			t.Fatalf("%q became %q", c.Text, b.String())
		}
	})
}
