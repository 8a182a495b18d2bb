package render

import "html/template"

// Face is a choice of fonts that every mail program has. Fonts are not loaded from anywhere: few programs would, and who loads them
// tells that the mail was opened.
type Face struct {
	Name  string // as a list keeps it; empty: the usual one
	Label string
	About string
	Text  string // for headlines and what is read
	Small string // for labels, bylines and captions
}

// Faces are the choices, the usual one first. Names of fonts stand without quotes so that they are short in the attributes that
// repeat them.
var Faces = []Face{
	{"", "Classic", "Georgia, with Helvetica for labels", Serif, Sans},
	{"book", "Book", "Palatino, with Helvetica for labels", "Palatino Linotype,Palatino,Book Antiqua,Georgia,serif", Sans},
	{"clean", "Clean", "Helvetica for everything", Sans, Sans},
	{"clear", "Clear", "Verdana for everything: wide, and easy to read when small", "Verdana,Geneva,Tahoma,sans-serif", "Verdana,Geneva,Tahoma,sans-serif"},
}

// FaceOf returns the face of that name, else the usual one.
func FaceOf(name string) Face {
	for _, f := range Faces {
		if f.Name == name {
			return f
		}
	}
	return Faces[0]
}

// faced returns the templates as they are set in each face.
func faced(usual *template.Template) (map[string]*template.Template, error) {
	all := map[string]*template.Template{"": usual}
	for _, f := range Faces[1:] {
		t, err := usual.Clone()
		if err != nil {
			return nil, err
		}
		all[f.Name] = t.Funcs(template.FuncMap{
			"serif": func() template.CSS { return template.CSS(f.Text) },  // #nosec G203 -- one of Faces
			"sans":  func() template.CSS { return template.CSS(f.Small) }, // #nosec G203 -- likewise
		})
	}
	return all, nil
}
