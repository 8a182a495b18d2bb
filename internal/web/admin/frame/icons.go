package frame

import "html/template"

// strokes are the icons as paths on a field of 24 by 24. They stand beside words and say nothing of their own.
var strokes = map[string]string{
	"today":    "M12 3v3M12 18v3M3 12h3M18 12h3M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8",
	"calendar": "M4 6h16v14H4zM4 10h16M8 3v4M16 3v4",
	"mail":     "M3 6h18v12H3zM3 7l9 7 9-7",
	"bolt":     "M13 3 5 14h6l-1 7 8-11h-6z",
	"story":    "M5 4h14v16H5zM8 8h8M8 12h8M8 16h5",
	"digest":   "M4 5h16M4 10h10M4 15h16M4 20h10",
	"heart":    "M12 20s-7-4.5-9-9a4.8 4.8 0 0 1 9-4 4.8 4.8 0 0 1 9 4c-2 4.5-9 9-9 9z",
	"feed":     "M5 19h.01M5 12a7 7 0 0 1 7 7M5 5a14 14 0 0 1 14 14",
	"list":     "M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01",
	"people":   "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M3 20c0-4 3-6 6-6s6 2 6 6M16 5a3.5 3.5 0 0 1 0 6.5M18 14.5c2 .8 3 2.5 3 5.5",
	"segment":  "M12 3a9 9 0 1 0 9 9h-9zM15 3.5A9 9 0 0 1 20.5 9H15z",
	"import":   "M12 4v11M8 11l4 4 4-4M4 20h16",
	"stop":     "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M6 6l12 12",
	"chart":    "M4 20V4M4 20h16M8 16v-5M12 16V8M16 16v-8M20 16V5",
	"relay":    "M4 8h12M13 5l3 3-3 3M20 16H8M11 13l-3 3 3 3",
	"key":      "M15 4a5 5 0 1 0 0 10 5 5 0 0 0 0-10M11 13l-7 7M6 18l2 2",
	"log":      "M6 3h9l4 4v14H6zM9 9h6M9 13h7M9 17h7",
	"settings": "M4 7h9M17 7h3M15 5v4M4 17h3M11 17h9M9 15v4",
	"grip":     "M9 6h.01M15 6h.01M9 12h.01M15 12h.01M9 18h.01M15 18h.01",
	"up":       "M12 19V5M6 11l6-6 6 6",
	"down":     "M12 5v14M6 13l6 6 6-6",
	"plus":     "M12 5v14M5 12h14",
	"cross":    "M6 6l12 12M18 6 6 18",
	"check":    "M4 12l5 5L20 6",
	"pencil":   "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
	"undo":     "M9 7 4 12l5 5M4 12h10a6 6 0 0 1 6 6",
	"pause":    "M8 5v14M16 5v14",
	"play":     "M7 5l12 7-12 7z",
	"search":   "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M15.5 15.5 20 20",
	"phone":    "M7 3h10v18H7zM11 18h2",
	"desktop":  "M3 5h18v11H3zM9 20h6M12 16v4",
	"moon":     "M19 14a8 8 0 1 1-9-9 6.5 6.5 0 0 0 9 9z",
	"image":    "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9h.01",
	"text":     "M5 6h14M12 6v13",
	"person":   "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8M5 20c0-4 3-6 7-6s7 2 7 6",
	"menu":     "M4 7h16M4 12h16M4 17h16",
	"warn":     "M12 4 2.5 20h19zM12 10v5M12 17.5h.01",
	"more":     "M6 12h.01M12 12h.01M18 12h.01",
	"out":      "M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9",
	"external": "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
	"clock":    "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 7v5l3 3",
	"link":     "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
	"copy":     "M9 9h11v11H9zM5 15H4V4h11v1",
	"download": "M12 4v11M8 11l4 4 4-4M4 20h16",
	"divider":  "M4 12h16",
	"sponsor":  "M4 7h16v10H4zM8 12h8",
	"help":     "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M9.5 9.5a2.5 2.5 0 1 1 3.5 2.300c-.7.400-1 .8-1 1.700M12 16.5h.01",
}

// icon draws an icon. It panics for a name that there is not, which no test of the page survives.
func icon(name string) template.HTML {
	d, ok := strokes[name]
	if !ok {
		panic("there is no icon " + name)
	}
	return template.HTML(`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d="` + d + `"/></svg>`) // #nosec G203 -- constants
}
