package articles

import "regexp"

// asks are the ways to ask for support, a group for each idea; how many different groups a paragraph touches counts.
var asks = compileAll(
	`\bdonat(?:e|ing|ions?|ors?)\b|\bgifts?\b.{0,40}\b(?:today|now|of any|makes?|helps?|us|our)\b|\b(?:your|a|any|one-time|monthly) (?:gift|contribution)\b|\bcontribut(?:e|ing)\b`,
	`\bsupport(?:ing)?\b.{0,30}\b(?:us|our|journalism|reporting|newsroom|work|this|independent|local)\b|\byour (?:generous |continued |financial |ongoing )?support\b|\bsupport(?:er|ers)\b`,
	`\bbecome (?:a|an|one of)\b.{0,30}\b(?:supporters?|members?|subscribers?|donors?|patrons?|friends?|sustainers?)\b|\bmemberships?\b|\bsubscri(?:be|bing|ptions?)\b|\bjoin (?:us|them|the|our|thousands|other|more)\b`,
	`\bchip in\b|\bpitch in\b|\bgive (?:today|now|what you can|monthly|once|a little|whatever)\b|\bas little as\b|\b(?:one-time|one-off|monthly|recurring|annual|yearly|year-end)\b.{0,20}\b(?:gift|donation|contribution|support|amount)|[$€£]\s?\d+\b|\bprice of a (?:cup of )?coffee\b`,
	`\b(?:reader|donor|member|community)[- ](?:funded|supported|powered)\b|\b(?:funded|supported|made possible|paid for) by (?:people|readers|our readers|you|donations|supporters|members)\b|\b(?:rely|relies|depend|depends|count|counts) on\b.{0,30}\b(?:you|readers|donations|supporters|support|people|members)\b|\bwithout (?:you|your|readers|our readers|supporters)\b`,
	`\bno paywalls?\b|\bpaywalls?\b|\bfree (?:to read|for everyone|for all|to all|of charge|and open|to access)\b|\bkeep\b.{0,40}\bfree\b`,
	`\b(?:not-for-profit|non-?profit|charity|tax[- ](?:deductible|receipts?)|charitable)\b`,
	`\bhelp (?:us|keep|fund|sustain|protect|ensure|make|pay|power|save)\b|\bneed your help\b|\bcan you help\b|\bcount(?:ing)? on you\b|\bstand (?:with|by|up for)\b|\bwe need you\b`,
	`\b(?:our|quality|independent|local|public[- ]interest|trustworthy|trusted|evidence-based|fact-based|in-depth|investigative|this|good) (?:\w+ )?(?:journalism|newsroom|reporting)\b|\bour (?:reporters|journalists|editors|writers|correspondents)\b`,
	`\bif you (?:can|value|believe|found|find|enjoy|enjoyed|rely|like|liked|think|are able|appreciate|care|read|love|want|share)\b|\bplease (?:consider|donate|give|support|help|join|become|make|chip)\b|\bconsider (?:giving|donating|supporting|making|becoming|contributing|joining|a)\b|\bwill you\b`,
	`\bthank you for (?:reading|your|being|supporting)\b|\bbefore you go\b|\bdear (?:reader|readers|friend|friends)\b`,
	`\b(?:readers|people|members|you|supporters|neighbours|neighbors)\b.{0,20}\b(?:pay|pays|paid|fund|funds|support|supports) (?:us|for (?:it|this|them))\b|\bworth your time\b|\bone of them\b|\bneeds? you\b`,
	`\bfundrais(?:er|ing)\b|\b(?:our|this) (?:spring|summer|autumn|fall|winter|annual|year-end|holiday) (?:campaign|drive|appeal)\b|\b(?:match(?:ed|ing)?|doubled?)\b.{0,30}\b(?:gift|donation|dollar|contribution)`,
	`\b(?:advertis(?:ing|ers?|ements?)|billionaires?|shareholders?|corporate owners?|owners?|big tech|algorithms?)\b.{0,80}`,
	// French
	`\bsout(?:enez|enir|ien|iens)\b|\bdonat(?:eurs?|rices?)\b|\bdons?\b|\b(?:votre|vos) (?:soutien|don|dons|contribution|contributions|générosité|aide)\b|\bcontribu(?:ez|er|tion)\b`,
	`\bdevenez\b.{0,30}\b(?:membre|donateur|donatrice|mécène|soutien|abonnée?|adhérente?)|\badhér(?:ez|er|ents?)\b|\babonn(?:ez|er|ement)\b|\brejoignez\b|\bfaites un (?:don|geste)\b|\bfaire un don\b`,
	`\bsans but lucratif\b|\bdéduction fiscale\b|\bdéfiscalis|\bréduction d[’']impôts?\b|\breçu fiscal\b|\bgrâce à (?:vous|nos lecteurs|ses lecteurs)\b|\bsans (?:vous|publicité|actionnaires?|péage)\b|\baccès libre\b|\bgratuit(?:ement|e|s)?\b`,
	`\bnous avons besoin\b|\baidez-nous\b|\bbesoin de vous\b|\bsi vous (?:le )?(?:pouvez|appréciez|aimez|avez)\b|\bavant de partir\b|\bchère? lect(?:eur|rice)|\bchers lecteurs\b|\bmerci (?:de|pour) (?:votre|nous)\b`,
	`\b(?:notre|un|le) (?:journalisme|rédaction|travail)\b.{0,30}\b(?:indépendant|libre|local)?|\bjournalisme (?:indépendant|local|de qualité|libre)\b|\bnos (?:journalistes|enquêtes|lecteurs|lectrices)\b`,
	// German, Spanish
	`\bunterstütz(?:en sie|ung|erin|er)\b|\bspende(?:n)?\b|\bwerden sie (?:mitglied|unterstützer)|\bihre (?:hilfe|unterstützung|spende)\b|\bunser journalismus\b|\bunabhängige[nrs]? journalismus\b`,
	`\bapóyanos\b|\btu apoyo\b|\bhaz(?:te)? (?:una? )?(?:donación|soci[oa]|miembro)\b|\bdona(?:r|ción|ciones)?\b|\bperiodismo independiente\b|\bayúdanos\b`,
)

// weakAsks are those ideas that say nothing by themselves: an advertiser is no appeal.
var weakAsks = map[int]bool{3: true, 5: true, 6: true, 13: true}

// ourselves is a newsroom that speaks of itself, yourself the reader it speaks to.
var (
	ourselves = regexp.MustCompile(`(?i)\b(?:we|our|ours|us|we[’']re|we[’']ve|we[’']ll|nous|notre|nos|wir|unser\w*|uns|nuestr[oa]s?|nosotros|apóyanos|ayúdanos)\b|\baidez-nous\b|\b\w+ like you\b|\blecteurs comme vous\b`)
	yourself  = regexp.MustCompile(`(?i)\b(?:you|your|yours|you[’']re|you[’']ve|you[’']ll|vous|votre|vos|ihre?n?|tu|tus|usted|ustedes|reader|readers|lecteurs?|lectrices?)\b|\b(?:soutenez|faites|devenez|aidez|donnez|abonnez|rejoignez|contribuez)\b|^(?:please|donate|give|join|support|chip in|become|help)\b`)
	// newsroom is what only a newsroom says of itself.
	newsroom = regexp.MustCompile(`(?i)\b(?:our|this|notre|nos|unser\w*|nuestr[oa]s?) (?:\w+ ){0,2}(?:journalism|newsroom|reporting|reporters?|journalists?|editors?|newsletters?|coverage|readers|supporters|members|donors|newspaper|magazine|publication|website|site|paper|team of (?:editors|reporters)|journalisme|rédaction|journalistes?|lecteurs|lectrices|journal|enquêtes|journalismus|redaktion|leser\w*|periodismo|redacción|lectores)\b|\b(?:independent|local|nonprofit|non-profit|reader-funded) (?:journalism|newsroom|news)\b|\bjournalisme (?:indépendant|local)\b`)
	// own is what only a newsroom says that asks for itself.
	own = regexp.MustCompile(`(?i)\b(?:our|notre|nos|unser\w*|nuestr[oa]s?) (?:\w+ ){0,2}(?:journalism|newsroom|reporting|reporters?|journalists?|editors?|newsletters?|coverage|readers|supporters|members|donors|newspaper|magazine|publication|website|site|paper|work|stories|articles|team|mission|journalisme|rédaction|journalistes?|lecteurs|lectrices|journal|enquêtes|travail|équipe|journalismus|redaktion|leser\w*|arbeit|periodismo|redacción|lectores|trabajo)\b|` +
		`\b(?:support|help|join|fund|back|give|keep|allow|allows|enable|enables|helps) us\b|\b\w+ like you\b|\bdonate to us\b|\b(?:aidez|soutenez)-nous\b|\bnous soutenir\b|\bnous aide|\bbesoin de vous\b|\bwe (?:are|[’']re) (?:a |an )?(?:\w+ )?(?:non-?profit|not-for-profit|charity|reader-|independent|funded|small)|\bwe need (?:your|you|\d)|\bas an? (?:\w+ )?(?:non-?profit|not-for-profit|charity|reader-\w+)\b.{0,20}\bwe\b|\b(?:funded|supported|paid for|made possible) by (?:our )?(?:readers|members|donors|supporters|you|people like you)\b|\bwill you join\b|\bunterstützen sie uns\b|\bapóyanos\b`)
	// askedUs are words of others to the newsroom, which are no speech that a story reports.
	askedUs = regexp.MustCompile(`(?i)\b(?:told|tell|tells|wrote to|write to|asked|ask) us\b`)
	// reported is speech that a story reports, and so no appeal.
	reported = regexp.MustCompile(`(?i)\b(?:said|says|told|added|explained|wrote|according to|argues|argued|recalls|recalled|notes|noted|dit|a déclaré|explique|ajoute|selon|affirme|raconte|sagt|sagte|erklärt|laut|dijo|dice|según|explica)\b`)
	quoted   = regexp.MustCompile(`“[^”]*”|"[^"]*"|«[^»]*»|„[^“]*“`)
)

// appealHeading is how headings of appeals begin, or what they say.
var appealHeading = regexp.MustCompile(`(?i)^(?:before you go\b.*|one (?:last|more) thing\b.*|` +
	`(?:please |help us |will you |why (?:we need |you should )?)?(?:support|sustain|fund|back|keep|protect|defend|save|help)\b.{0,30}\b(?:us|our|we|journalism|reporting|newsroom|news|independent|local|stories|work|paper|free)\b.*|` +
	`(?:we|our newsroom|our journalism|our reporters|independent journalism|local (?:news|journalism)|good journalism|quality journalism|great journalism)\b.{0,40}\b(?:need|needs|rely|relies|depend|depends|count|counts|exist|exists|costs?|matters?|isn[’']t free|is not free)\b.*|` +
	`(?:your|a) (?:support|gift|donation|contribution|help|generosity)\b.*|(?:become|be) (?:a|an|one of our) .{0,20}(?:supporter|member|subscriber|donor|patron|friend|sustainer)s?\b.*|` +
	`(?:donate|give|chip in|make a (?:gift|donation|contribution|difference))\b.{0,40}|(?:can|could|will|would) you (?:help|support|spare|give|chip|join|donate)\b.*|` +
	`(?:a |an )?(?:\w+ )?(?:message|note|word|appeal|letter|request|favou?r)\b.{0,30}\b(?:from|to|for|by)\b.{0,20}\b(?:editors?|readers?|publisher|newsroom|team|us|you|our|editor-in-chief)\b.*|a (?:small |quick )?favou?r\b.*|` +
	`stand (?:with|up for|by)\b.*|join (?:us|our|the|thousands)\b.{0,60}|thank you for reading\b.*|thanks for reading\b.*|dear readers?\b.{0,30}|if you (?:value|believe|enjoy|enjoyed|liked|like|found|can|rely|read|love|care|appreciate|got this far|made it this far)\b.*|` +
	`(?:enjoyed|enjoying|like|liked|value|love) (?:this|what you|our|the) .{0,60}|why (?:your (?:support|gift|donation|help)|readers? support|we (?:need|ask|rely))\b.{0,60}|we can[’']?(?:no)?t do (?:this|it) without you\b.*|you make (?:this|our|it)\b.*|this (?:story|article|reporting|journalism) (?:was |is )?(?:made possible|funded|free|supported|brought)\b.*|` +
	`avant de (?:partir|nous quitter|fermer)\b.*|soutenez\b.*|soutenir\b.*|faites un don\b.*|(?:nous avons|on a) besoin de vous\b.*|votre (?:soutien|don|aide)\b.*|devenez\b.*|aidez-nous\b.*|chers? (?:lectrices|lecteurs?|amis)\b.*|pourquoi (?:nous soutenir|votre soutien)\b.*|un (?:mot|message) de (?:la rédaction|notre|l[’']équipe)\b.*|` +
	`unterstützen sie\b.*|bevor sie gehen\b.*|(?:wir brauchen|ihre)\b.{0,20}\b(?:sie|unterstützung|spende|hilfe)\b.*|apoya\b.*|antes de (?:irte|irse)\b.*|necesitamos tu\b.*)$`)

// appealByName is a heading that asks support for a paper by its name: "Support The Harbour News".
var appealByName = regexp.MustCompile(`^(?:Support|SUPPORT|Fund|Help|Back|Join|Donate to|Give to|Become a friend of|Soutenez|Unterstützen Sie|Apoya) (?:[Tt]he |THE |le |la |l’|los |el |den |die |das )?\p{Lu}[\p{L}’'-]*(?: (?:of |and |& )?\p{Lu}[\p{L}’'-]*){0,4}[.!]?$`)

// buttonWords begin the words on a button.
var buttonWords = regexp.MustCompile(`(?i)^(?:donate|give|support|become|join|subscribe|contribute|chip in|yes\b|i[’']?(?:ll| will| want| would)|make (?:a|my|your)|help|count me in|start|sign (?:me )?up|back|fund|be a|pledge|renew|` +
	`faire|je (?:donne|soutiens|fais|m[’']abonne|veux|contribue|deviens)|j[’']aide|soutenir|soutenez|soutenons|devenir|devenez|s[’']abonner|abonnez|donner|donnez|contribuer|contribuez|adhérer|adhérez|` +
	`jetzt|spenden|unterstützen|mitglied|ja\b|dona|donar|apoya|apoyar|hazte|quiero)\b`)

// giving are the words of a button that can only be one of an appeal.
var giving = regexp.MustCompile(`(?i)\b(?:donat\w+|support\w*|help|join|give|gift|members?|membership|subscri\w+|contribut\w+|chip in|patron|fund|pledge|don|dons|donner|donnez|soutien\w*|souten\w+|soutiens|adhér\w+|abonn\w+|spende\w*|unterstütz\w*|mitglied|dona\w*|apoy\w+|soci[oa])\b`)

func compileAll(list ...string) []*regexp.Regexp {
	out := make([]*regexp.Regexp, len(list))
	for i, s := range list {
		out[i] = regexp.MustCompile(`(?i)` + s)
	}
	return out
}
