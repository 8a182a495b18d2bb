package articles

// roleWords make a part of a byline the title of a person.
var roleWords = wordSet(
	"professor professors prof lecturer lecturers reader fellow researcher researchers postdoc postdoctoral doctoral candidate student students scientist scientists",
	"economist historian sociologist psychologist biologist geologist geographer anthropologist archaeologist philosopher physicist chemist astronomer ecologist",
	"epidemiologist physician surgeon doctor nurse engineer architect lawyer attorney solicitor barrister judge curator librarian archivist instructor teacher educator",
	"reporter reporters correspondent correspondents editor editors editor-in-chief writer writers columnist columnists journalist journalists producer photographer photographers photojournalist",
	"videographer cartoonist illustrator critic contributor contributors commentator anchor host presenter novelist poet author essayist filmmaker playwright translator intern",
	"director co-director dean chair chairman chairwoman chairperson president vice-president principal provost chancellor vice-chancellor rector head chief manager officer coordinator leader lead",
	"founder co-founder ceo cto cfo executive secretary minister mp mpp mla senator councillor councilor mayor ambassador adviser advisor consultant analyst strategist specialist expert technician",
	"associate assistant adjunct emeritus emerita visiting scholar academic tutor trainee apprentice publisher staff freelance freelancer",
	"professeur professeure professeurs maître maîtresse chercheur chercheuse chercheurs enseignant enseignante enseignant-chercheur enseignante-chercheuse doctorant doctorante docteur docteure",
	"étudiant étudiante économiste historien historienne sociologue politologue géographe journaliste journalistes rédacteur rédactrice chroniqueur chroniqueuse correspondant correspondante envoyé envoyée",
	"directeur directrice directeur-adjoint responsable président présidente conférencier conférencière chargé chargée ingénieur ingénieure médecin avocat avocate éditorialiste stagiaire photographe collaborateur collaboratrice",
	"professorin dozent dozentin redakteur redakteurin redakteurinnen korrespondent korrespondentin journalistin leiter leiterin wissenschaftler wissenschaftlerin forscher forscherin direktor direktorin",
	"profesor profesora investigador investigadora periodista corresponsal redactor redactora directora catedrático catedrática")

// institutionWords make it the place where a person works.
var institutionWords = wordSet(
	"university universities université universités universität universitaet universidad università universidade universiteit universitet uniwersytet college collège colegio school schools école ecole hochschule fachhochschule",
	"institute institut instituto istituto institution institutes centre center centro zentrum academy académie akademie academia faculty faculté fakultät department département departamento dept",
	"hospital hôpital hospitals clinic clinique klinikum foundation fondation fundación stiftung laboratory laboratoire lab labs museum musée society société council conseil agency agence observatory observatoire library bibliothèque archive archives",
	"press news newspaper times post herald tribune gazette journal chronicle observer guardian review magazine network radio television tv broadcasting media express telegraph mirror standard examiner globe mail dispatch sentinel courier bulletin register monitor",
	"polytechnic polytechnique politecnico conservatory conservatoire ministry ministère bank banque association federation fédération trust corporation company inc ltd llc gmbh bureau commission committee union church party parliament office authority service services",
	"cnrs inserm inrae inria ehess eth epfl mit ucla ucl lse soas suny cuny rmit unsw csiro nasa noaa nhs who bbc cbc cnn afp ap reuters bloomberg upi dpa efe ansa npr pbs abc nbc cbs itv rte")

// lowerInstitutions may stand in lower case; of the others a capital is wanted, since "times" and "school" are words too.
var lowerInstitutions = wordSet("université universités école institut laboratoire faculté département centre hôpital collège universidad universität universiteit università universidade instituto facultad facultad colegio escuela lycée")

// institutionNames are institutions that look like the names of persons.
var institutionNames = wordMap(map[bool]string{true: "johns_hopkins carnegie_mellon sciences_po royal_holloway virginia_tech georgia_tech notre_dame penn_state ohio_state wilfrid_laurier " +
	"simon_fraser robert_gordon texas_a&m michigan_state arizona_state kansas_state florida_state san_diego_state washington_state oregon_state iowa_state the_conversation " +
	"associated_press canadian_press agence_france-presse getty_images imperial_college_london"})

// fieldWords follow "and" in the title of a person more often than they are somebody's name.
var fieldWords = wordSet(
	"relations studies study science sciences policy economics law history engineering management health medicine affairs politics political development education technology technologies research society communication communications",
	"psychology sociology philosophy literature languages linguistics culture cultures cultural arts art design music theatre film media journalism business finance accounting marketing administration governance government security",
	"peace conflict justice criminology ethics theology religion anthropology archaeology geography geology biology chemistry physics mathematics statistics computing computer data informatics information systems",
	"environment environmental climate energy sustainability ecology conservation agriculture food nutrition nursing dentistry pharmacy psychiatry neuroscience medicine biomedical public international global social human humanities applied",
	"urban rural regional planning architecture innovation entrepreneurship leadership strategy organisation organization work labour labor employment gender sexuality race ethnic indigenous migration african asian european american latin",
	"canadian british french german english classics classical ancient modern medieval early late digital creative visual performance sport sports tourism hospitality events family child childhood youth disability ageing aging population demography",
	"droit histoire économie science sciences politique politiques sociologie santé médecine gestion communication lettres langues relations internationales géographie philosophie psychologie environnement culture technologies travail")

// nameParticles stand in lower case inside a name.
var nameParticles = wordSet("de la le les du des del della di da das do dos van von der den ten ter te zu zum y e al el bin bint ibn ben abu af av st. san santa")

// honorifics stand before a name and are no part of it that counts.
var honorifics = wordSet("dr prof professor sir dame mr mrs ms rev lord lady mme m")

// postNominals follow a name after a comma and are no author of their own.
var postNominals = wordSet("jr jr. sr sr. ii iii iv phd ph.d ph.d. dphil md m.d m.d. msc ma mba rn dds esq esq. frs obe mbe cbe kc qc jd llm")

// notNames are capitalised words that begin a line or stand for a time, a place or a thing, and are never part of a name.
var notNames = wordSet(
	"the a an this that these those and or but for nor so yet if when while as at by in of on to from with without within about after before between into through over under",
	"how why what who where which is are was were be been has have had can could may might must shall should will would do does did not no yes new how's what's",
	"monday tuesday wednesday thursday friday saturday sunday january february march april june july august september october november december today yesterday tomorrow",
	"share email facebook twitter linkedin print comments comment updated published read listen watch advertisement subscribe donate support photo image credit source caption",
	"le la les un une des ce cette ces et ou mais pour avec sans dans sur sous comment pourquoi quand qui que quoi où est sont était photo crédit partager",
	"der die das ein eine und oder aber für mit ohne wie warum wann wer was wo ist sind war photo bild foto teilen")

// bylinePrefixes begin a byline; a colon may follow.
var bylinePrefixes = []string{"written and photographed by", "story and photos by", "text and photos by", "written by", "reported by", "words by", "story by", "text by", "report by",
	"reporting by", "analysis by", "opinion by", "commentary by", "edited by", "posted by", "published by", "article by", "by", "par", "propos recueillis par", "écrit par", "publié par", "texte de",
	"von", "por", "door", "di", "av", "af"}

// bylineLabels stand before a byline with a colon, or on a line of their own above it.
var bylineLabels = wordSet("author authors author(s) auteur auteurs auteur(s) auteure autor autoren autorin autores autore byline words writer writers reporter columnist texte text contributor contributors")

// genericAuthors are what programs put where a name belongs.
var genericAuthors = wordSet("admin administrator root webmaster noreply no-reply unknown anonymous nobody user author editor none null n/a undefined redaktion")
