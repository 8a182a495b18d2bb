package articles

import (
	"regexp"
	"strings"
	"unicode"
)

// junk are the lines of a page that belong to the page and not to the story, without icons and punctuation.
var junk = phraseSet(`share|share this|share article|share this article|share this story|share on|share via|share this page|copy link|copy|link copied|copied|copy url|email|e-mail|email this|
	email article|facebook|twitter|x|x (twitter)|x (formerly twitter)|twitter (x)|bluesky|linkedin|whatsapp|reddit|messenger|pinterest|telegram|threads|mastodon|flipboard|tumblr|
	instagram|youtube|tiktok|signal|sms|print|print this|print article|print this article|save|save article|save for later|saved|bookmark|comment|comments|no comments|leave a comment|post a comment|
	view comments|add a comment|join the conversation|listen|listen to this article|listen to article|listen to this story|listen to the article|play|play audio|pause|audio|watch|
	video|gallery|photo gallery|advertisement|advertising|ad|sponsored|sponsored content|promoted|article continues below|article continues below advertisement|story continues below|
	story continues below advertisement|article continues after advertisement|advertisement - story continues below|continue reading|read more|show more|see more|load more|learn more|more|related|related stories|related articles|related content|related topics|
	back to top|skip to content|skip to main content|menu|main menu|search|home|sign in|log in|login|register|my account|subscribe|subscribe now|donate|follow us|follow|newsletter|newsletters|
	republish|republish this article|reuse this content|for immediate release|explore more|republish our articles for free|view all partners|partners|doi|languages|english|français|privacy policy|terms of use|cookie policy|accept cookies|all rights reserved|
	photo|image|enlarge|enlarge image|view image in fullscreen|view larger image|show caption|hide caption|toggle caption|expand|close|font size|text size|a a a|next|previous|reply|like|recommend|gift this article|
	read in app|open in app|report an error|report a typo|contact us|tip line|give feedback|send feedback|write an article and join a growing community|become an author|sign up as a reader|
	sign up|get newsletter|get the newsletter|get our newsletter|our newsletters|join our newsletter|more stories|top stories|latest|latest news|latest stories|breaking news|
	partager|partager cet article|partager sur|imprimer|courriel|envoyer par courriel|copier le lien|lien copié|écouter|écouter cet article|écouter l’article|écouter l'article|publicité|
	la suite après cette publicité|lire la suite|lire plus tard|sauvegarder|enregistrer|commentaires|commenter|réagir|s’abonner|s'abonner|se connecter|accueil|rechercher|suivez-nous|infolettre|à la une|ajouter à mes favoris|
	teilen|drucken|merken|kommentare|anzeige|werbung|startseite|abonnieren|zur startseite|artikel anhören|compartir|imprimir|guardar|publicidad`)

func phraseSet(s string) map[string]bool {
	out := map[string]bool{}
	for p := range strings.SplitSeq(s, "|") {
		out[strings.TrimSpace(p)] = true
	}
	return out
}

var junkPatterns = regexp.MustCompile(`(?i)^(?:` +
	`\d[\d,. ]*\s*(?:k\s*)?(?:comments?|shares?|views?|likes?|reactions?|commentaires?|partages|réactions?|vues)|` +
	`\d+\s*[-–]?\s*min(?:ute)?s?\.?\s*(?:read|de lecture|lesezeit)?|(?:reading time|estimated reading time|temps de lecture|lesezeit|listening time)\s*:?\s*\d.*|` +
	`estimated \d+ minutes?|` +
	`\d{1,2}:\d{2}(?:\s*/\s*\d{1,2}:\d{2})?|` +
	`(?:read|see|listen|watch)\s+(?:more|also|next|on)?\s*(?:about this)?\s*[:>→]\s*.*|(?:also read|related|read next|further reading|don[’']t miss|more on this|see also|read this next|related story|related article|listen to)\s*[:>→–—]\s*.*|` +
	`(?:lire aussi|à lire aussi|à lire|à écouter|à voir|voir aussi|pour en savoir plus|lire également|en savoir plus|lesen sie auch|mehr zum thema|lea también)\s*[:>→–—]\s*.*|` +
	`(?:©|\(c\)|copyright (?:©|\(c\)|\d{4}|by|the))\s.*|.{0,80}\ball rights reserved\.?|.{0,60}\btous droits réservés\.?|` +
	`[\w.+-]+@[\w-]+(?:\.[\w-]+)+|@\w{2,30}|` +
	`https?://(?:dx\.)?doi\.org/\S+|follow .{1,40} on (?:x|twitter|facebook|instagram|bluesky|mastodon|threads)\b.*|` +
	`(?:sign up|subscribe|get|join|inscrivez-vous|abonnez-vous|recevez)\b.{0,80}\b(?:newsletters?|infolettres?|inbox|e-?mail alerts?|boîte de réception)\b.{0,80}|` +
	`(?:skip|jump) (?:to|past) .{1,40}|(?:click|tap) (?:here|to) .{1,60}|please enable javascript.*|` +
	`.{2,120} provides? (?:funding|financial support) as an? .{0,40}(?:partner|member).*|.{2,120} (?:fournit des financements|apporte un financement) en tant que .*|` +
	`(?:this|cet) (?:page|site) (?:uses|utilise) .{0,20}cookies.*|loading\W*|image \d+ of \d+|\d+ of \d+|[1-9]\d? ?/ ?[1-9]\d?` +
	`)$`)

// shareBar is the row of buttons beside a story, copied as one line.
var shareBar = regexp.MustCompile(`(?i)^((share|tweet|post|partager|partagez|teilen|auf|compartir)( (this|it|cet article|diesen artikel))?( (on|via|by|to|sur|par|en|por|auf))? ` +
	`(x|twitter|facebook|linkedin|whatsapp|bluesky|mastodon|threads|reddit|telegram|e-?mail|instagram)( \(twitter\))?[ |·,/]*){1,10}$`)

// isJunk reports whether a line belongs to the page around the story.
func isJunk(l string) bool {
	if shareBar.MatchString(l) {
		return true
	}
	bare := strings.TrimFunc(l, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != ')' && r != '(' && r != '©'
	})
	if bare == "" {
		return !divider.MatchString(l)
	}
	return junk[strings.ToLower(bare)] || junkPatterns.MatchString(strings.Trim(l, " •·|"))
}

// moreStories begin a list of other stories at the end of a page.
var moreStories = regexp.MustCompile(`(?i)^(?:explore more on .{3,30}|related (?:stories|articles|content|reading|topics)|more (?:from|on|in|stories)\b.{0,40}|most (?:read|popular|viewed)|trending(?: now)?|recommended(?: for you| reading)?|you (?:may|might) also (?:like|be interested in).{0,20}|` +
	`up next|read next|what to read next|latest (?:news|stories|articles)|top stories|our picks|editors?[’']? picks|from our partners|dans la même rubrique|sur le même (?:sujet|thème)|à lire aussi|les plus lus|articles (?:liés|récents|similaires)|vous aimerez aussi|mehr zum thema|meistgelesen|lo más leído)\s*:?$`)

// sections are names of sections, as they stand above a headline.
var sections = phraseSet(`news|opinion|opinions|analysis|politics|science|sciences|culture|arts|arts & culture|arts and culture|health|environment|climate|business|economy|education|world|sport|sports|technology|tech|explainer|feature|features|
	comment|commentary|ideas|books|review|reviews|interview|local|local news|investigation|investigations|long read|the long read|essay|editorial|letters|obituary|obituaries|food|travel|lifestyle|society|history|law|cities|energy|data|media|faith|religion|weather|national|international|
	géopolitique|société|politique|économie|environnement|santé|monde|analyse|enquête|enquêtes|idées|débat|débats|éducation|technologies|histoire|entretien|reportage|chronique|éditorial|culture & société|arts et culture|sciences & technologies|science & technologie|science & technology|business & economy|politics & society|environment & energy|
	wissenschaft|kultur|politik|wirtschaft|gesellschaft|meinung|umwelt|bildung|gesundheit|ciencia|política|cultura|sociedad|opinión|economía`)

// sectionLine reads the name of a section from a line above the headline: "SCIENCE", "Opinion", "Home > News > Harbour".
func sectionLine(l string) (string, bool) {
	for _, sep := range []string{" > ", " › ", " » ", " / "} {
		if parts := strings.Split(l, sep); len(parts) > 1 && len(l) < 80 {
			return strings.TrimSpace(parts[len(parts)-1]), true
		}
	}
	bare := strings.Trim(l, " •·|:")
	if name, rest, ok := strings.Cut(bare, " | "); ok && len(strings.Fields(rest)) < 3 {
		bare = name
	}
	if sections[strings.ReplaceAll(strings.ToLower(bare), " + ", " & ")] {
		return sentenceCase(bare), true
	}
	return "", false
}

// sentenceCase writes a name that stands in capitals only as a name is written.
func sentenceCase(s string) string {
	if len(s) < 4 || s != strings.ToUpper(s) {
		return s
	}
	r := []rune(strings.ToLower(s))
	r[0] = unicode.ToUpper(r[0])
	return string(r)
}
