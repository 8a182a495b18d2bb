package desk_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mailer/cmd/mailer/demo"
	"mailer/internal/accounts"
	"mailer/internal/campaigns"
	"mailer/internal/render"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/admintest"
)

var scriptTag = regexp.MustCompile(`(?s)<script>(.*?)</script>`)

// TestDeskWithoutScripts goes through the desk with forms alone, and sees what the pages may and may not do.
func TestDeskWithoutScripts(t *testing.T) {
	rig := admintest.Open(t).Newsroom()
	ctx := t.Context()
	c := rig.Draft()
	ines := rig.Client(rig.Person("Ines", accounts.Writer))
	at := fmt.Sprintf("/admin/campaigns/%d", c.ID)
	now := func() campaigns.Campaign {
		t.Helper()
		c, err := rig.Campaigns.Campaign(ctx, c.ID)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	do := func(values ...string) admintest.Page {
		t.Helper()
		f := url.Values{"version": {strconv.Itoa(now().Version)}}
		for i := 0; i < len(values); i += 2 {
			f.Set(values[i], values[i+1])
		}
		return ines.Post(at+"/do", f)
	}
	has := func(p admintest.Page, status int, texts ...string) {
		t.Helper()
		if p.Status != status {
			t.Fatalf("%d at %s; want %d\n%s", p.Status, p.URL, status, p.Body)
		}
		for _, text := range texts {
			if !strings.Contains(p.Body, text) {
				t.Errorf("%s does not say %q", p.URL, text)
			}
		}
	}

	t.Run("SEC-05 nothing is changed by GET", func(t *testing.T) {
		var before, after string
		state := `SELECT coalesce(string_agg(t::text, '' ORDER BY t.version), '') || (SELECT count(*)::text || max(id)::text FROM audit_log)
			|| (SELECT count(*)::text FROM campaign_revisions) || (SELECT count(*)::text FROM campaign_presence) || (SELECT count(*)::text FROM articles) FROM campaigns t`
		if err := rig.DB.Get(&before, state); err != nil {
			t.Fatal(err)
		}
		form := "?do=remove&version=1&block=" + c.Blocks[0].ID + "&way=blank&list=" + rig.List.Slug + "&name=x&revision=1&url=" + url.QueryEscape(rig.News.Base)
		for _, path := range []string{"/admin/campaigns", "/admin/campaigns/new", at, at + "/sheet", at + "/do", at + "/here", at + "/stories", at + "/preview", at + "/history", at + "/restore"} {
			for _, method := range []string{"GET", "HEAD"} {
				if p := ines.Do(method, path+form, nil, http.Header{"Hx-Request": {"true"}}); p.Status >= 500 {
					t.Errorf("%s %s: %d", method, path, p.Status)
				}
			}
		}
		if err := rig.DB.Get(&after, state); err != nil {
			t.Fatal(err)
		}
		if before != after {
			t.Errorf("something was changed\n%s\n%s", before, after)
		}
	})
	t.Run("SEC-05 nothing is changed from another site", func(t *testing.T) {
		f := url.Values{"version": {strconv.Itoa(now().Version)}, "do": {"set_subject"}, "text": {"from elsewhere"}}
		p := ines.Do("POST", at+"/do", f, http.Header{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}})
		if p.Status != http.StatusForbidden || now().Subject == "from elsewhere" {
			t.Errorf("%d, and the subject is %q", p.Status, now().Subject)
		}
	})
	t.Run("SEC-11 the preview has no origin and runs nothing of the mail's", func(t *testing.T) {
		do("do", "add_block", "kind", "text", "to", "after:", "block", "evil")
		do("do", "set_text", "block", "evil", "text", `<script>parent.x = 1</script><img src=x onerror="parent.x = 1"> <a href="javascript:alert(1)">x</a> </body><script>1</script>`)
		p := ines.Get(at + "/preview?images=off")
		policy := p.Header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "img-src 'none'", "script-src 'sha256-", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'self'", "sandbox allow-scripts allow-popups"} {
			if !strings.Contains(policy, part) {
				t.Errorf("the policy lacks %s: %s", part, policy)
			}
		}
		for _, bad := range []string{"allow-same-origin", "unsafe-eval", "script-src 'unsafe-inline'"} {
			if strings.Contains(policy, bad) {
				t.Errorf("the policy has %s: %s", bad, policy)
			}
		}
		if n := len(scriptTag.FindAllString(p.Body, -1)); n != 1 {
			t.Errorf("%d scripts in the preview; ours is one", n)
		}
		if strings.Contains(p.Body, "onerror") || strings.Contains(p.Body, "javascript:") {
			t.Error("markup of the text came through")
		}
		desk := ines.Get(at)
		if policy := desk.Header.Get("Content-Security-Policy"); strings.Contains(policy, "unsafe-inline") || !strings.Contains(policy, "script-src 'self'") {
			t.Errorf("the desk's policy: %s", policy)
		}
		if strings.Contains(desk.Body, "allow-same-origin") || !strings.Contains(desk.Body, `sandbox="allow-scripts allow-popups allow-popups-to-escape-sandbox"`) {
			t.Error("the frame of the preview is not in a sandbox")
		}
		do("do", "remove", "block", "evil")
	})
	t.Run("writing", func(t *testing.T) {
		st := now().Blocks[1].Stories[0]
		block, article := now().Blocks[1].ID, strconv.FormatInt(st.ArticleID, 10)
		has(do("do", "set_subject", "text", "A  subject\r\nof two lines"), 200, "A subject of two lines")
		known := []render.Author{{Name: "Margit Solheim", Title: "City editor", Institution: "The Quayside Review", Bio: "Writes on floods."}}
		if _, err := rig.Campaigns.Desk.Do(ctx, c.ID, now().Version, campaigns.Change{Do: campaigns.EditStory, Block: block, Article: st.ArticleID, Story: &campaigns.StoryEdit{Authors: &known}}, "test"); err != nil {
			t.Fatal(err)
		}
		has(do("do", "edit_story", "block", block, "article", article, "title", `The "<b>" tag`, "byline", "Jo Lee, Chef\r\nMargit Solheim, City editor, The Quayside Review", "image_url", ""),
			200, "The &#34;&lt;b&gt;&#34; tag", "Original headline: "+st.Title)
		now := now()
		got := now.Blocks[1].Stories[0]
		if now.Subject != "A subject of two lines" || got.Title != `The "<b>" tag` || got.Image != nil || len(got.Authors) != 2 || got.Authors[1] != known[0] || got.Dek != st.Dek {
			t.Errorf("kept %q and %+v", now.Subject, got)
		}
		has(do("do", "reset_story", "block", block, "article", article, "field", "image"), 200)
		has(do("do", "set_lead", "block", block, "article", article, "on", ""), 200)
		has(do("do", "edit_story", "block", block, "article", article, "title", " "), 400, "title")
		has(do("do", "set_text", "block", "nosuchblock", "text", "x"), 404)
		has(do("do", "drop table"), 400)
	})
	t.Run("where a block goes", func(t *testing.T) {
		ids := func() (list []string) {
			for _, b := range now().Blocks {
				list = append(list, b.ID)
			}
			return list
		}
		was := ids()
		page := ines.Get(at).Body
		down := regexp.MustCompile(`id="n-` + was[0] + `" name="to" value="([^"]*)"`).FindStringSubmatch(page)
		has(do("do", "move_block", "block", was[0], "to", down[1]), 200)
		want := slices.Clone(was)
		want[0], want[1] = want[1], want[0]
		if got := ids(); !slices.Equal(got, want) {
			t.Errorf("down: %v; want %v", got, want)
		}
		has(do("do", "move_block", "block", was[0], "to", "after:"), 200)
		if got := ids(); !slices.Equal(got, was) {
			t.Errorf("up: %v; want %v", got, was)
		}
		has(do("do", "move_block", "block", was[0], "to", "anywhere"), 400)
	})
	t.Run("a story by its address", func(t *testing.T) {
		page := ines.Get(at + "/stories").Body
		has(do("do", "add_url", "url", "http://127.0.0.1:1/x"), http.StatusForbidden)
		article := regexp.MustCompile(`name="article" value="(\d+)"`).FindAllStringSubmatch(page, -1)
		n := now().StoryCount
		for _, a := range article {
			if !strings.Contains(ines.Get(at).Body, `data-article="`+a[1]+`"`) {
				has(do("do", "add_story", "article", a[1], "to", ""), 200)
				break
			}
		}
		if now().StoryCount != n+1 {
			t.Errorf("%d stories; want one more than %d", now().StoryCount, n)
		}
	})
	t.Run("who was slower sees both and chooses", func(t *testing.T) {
		version := strconv.Itoa(now().Version)
		if _, err := rig.Campaigns.Desk.Do(ctx, c.ID, now().Version, campaigns.Change{Do: campaigns.SetSubject, Text: "Marc’s subject"}, "marc@example.org"); err != nil {
			t.Fatal(err)
		}
		p := ines.Post(at+"/do", url.Values{"version": {version}, "do": {"set_subject"}, "text": {"Mine"}})
		has(p, 200, "Nothing was overwritten", "Marc’s subject", "Mine", "Put mine on top")
		if now().Subject != "Marc’s subject" {
			t.Fatalf("overwritten: %q", now().Subject)
		}
		kept := regexp.MustCompile(`name="kept" value="(\d+)"`).FindStringSubmatch(p.Body)
		has(do("do", "apply", "kept", kept[1]), 200)
		if now().Subject != "Mine" {
			t.Errorf("the subject is %q", now().Subject)
		}
	})
	t.Run("history", func(t *testing.T) {
		list, err := rig.Campaigns.Desk.History(ctx, c.ID, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		first := list[len(list)-1]
		has(ines.Get(fmt.Sprintf("%s/history?open=%d", at, list[0].ID)), 200, "You</b> set the subject to “Mine”", "Marc", "Go back to this")
		has(ines.Post(at+"/restore", url.Values{"revision": {strconv.FormatInt(first.ID, 10)}, "version": {strconv.Itoa(now().Version)}}), 200, "The mail is as it was")
		if now().Subject != c.Subject {
			t.Errorf("restored to %q", now().Subject)
		}
	})
	t.Run("the preview as different readers", func(t *testing.T) {
		if _, err := rig.Subscribers.Topics.Create(ctx, subscribers.Topic{ListID: rig.List.ID, Slug: "science", Name: "Science"}, "test"); err != nil {
			t.Fatal(err)
		}
		var science render.Block
		for _, b := range now().Blocks {
			if b.Title == "Science" {
				science = b
			}
		}
		has(do("do", "set_topic", "block", science.ID, "topic", "science"), 200)
		const appeal = "Become a supporter"
		title := science.Stories[0].Title
		for query, want := range map[string][2]bool{"": {true, true}, "?as=supporter": {false, true}, "?without=science": {true, false}, "?as=supporter&without=science&view=text": {false, false}, "?without=nosuch&view=text": {true, true}} {
			body := ines.Get(at + "/preview" + query).Body
			if got := [2]bool{strings.Contains(body, appeal), strings.Contains(body, title)}; got != want {
				t.Errorf("preview%s: appeal and story are there: %v; want %v", query, got, want)
			}
		}
		if body := ines.Get(at + "/preview?dark=on").Body; strings.Contains(body, "prefers-color-scheme") || !strings.Contains(body, `content="only dark"`) {
			t.Error("the dark preview depends on the editor's own screen")
		}
	})
	t.Run("who may look and not write", func(t *testing.T) {
		vera := rig.Client(rig.Person("Vera", accounts.Viewer))
		has(vera.Get(at), 200, "You may look at this campaign and not change it")
		for _, path := range []string{"/do", "/here", "/restore"} {
			if p := vera.Post(at+path, url.Values{"do": {"undo"}, "version": {"1"}}); p.Status != http.StatusForbidden {
				t.Errorf("%s: %d", path, p.Status)
			}
		}
		other := rig.List
		other.ID, other.Slug, other.Name, other.PublicationID = 0, "evening", "Evening", nil
		other, err := rig.Subscribers.CreateList(ctx, other)
		if err != nil {
			t.Fatal(err)
		}
		elsewhere := rig.Client(rig.Person("Elsa", accounts.Editor, other.ID))
		for _, path := range []string{at, at + "/preview", at + "/history", "/admin/campaigns?list=" + rig.List.Slug} {
			if p := elsewhere.Get(path); p.Status != http.StatusNotFound {
				t.Errorf("%s: %d for somebody of another list", path, p.Status)
			}
		}
		if p := elsewhere.Get("/admin/campaigns"); strings.Contains(p.Body, c.Subject) {
			t.Error("the list of campaigns shows one of another list")
		}
		if p := elsewhere.Post("/admin/campaigns/new", url.Values{"way": {"blank"}, "list": {rig.List.Slug}, "name": {"x"}}); p.Status != http.StatusUnprocessableEntity {
			t.Errorf("a campaign for another list: %d", p.Status)
		}
		if p := elsewhere.Post("/admin/campaigns/new", url.Values{"way": {"digest"}, "digest": {demo.DigestSlug}}); p.Status != http.StatusNotFound {
			t.Errorf("a campaign of another list's digest: %d", p.Status)
		}
		var n int
		if err := rig.DB.Get(&n, `SELECT count(*) FROM campaigns`); err != nil || n != 1 {
			t.Errorf("%d campaigns were made for somebody of another list, %v", n-1, err)
		}
	})
	t.Run("new campaigns and their list", func(t *testing.T) {
		has(ines.Post("/admin/campaigns/new", url.Values{"way": {"blank"}, "list": {rig.List.Slug}, "name": {"<i>Special</i>"}}), 200, "&lt;i&gt;Special&lt;/i&gt;", "An empty sheet")
		has(ines.Post("/admin/campaigns/new", url.Values{"way": {"blank"}, "list": {rig.List.Slug}}), 422, `aria-describedby="blank-name-problem"`)
		has(ines.Post("/admin/campaigns/new", url.Values{"way": {"story"}, "list": {rig.List.Slug}, "url": {"ftp://x"}}), 422, `id="story-url-problem"`)
		has(ines.Get("/admin/campaigns"), 200, "&lt;i&gt;Special&lt;/i&gt;", c.Subject)
		has(ines.Get("/admin/campaigns?state=held"), 200, "None like that")
		has(ines.Get("/admin/campaigns?state=' OR 1=1"), 400)
		has(ines.Get("/admin/campaigns?before=x"), 400)
	})
}
