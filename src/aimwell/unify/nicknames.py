"""Short and pet forms of first names: Bob is Robert, Катя is Екатерина.

A name may be a form of several (Pat is Patrick or Patricia), so each has the set of the names that it may stand for; two
that share one may be the same person's. Written by ourselves from what is commonly known of names in these languages
(English, German, Dutch, French, Spanish, Portuguese, Italian, Polish, Czech, Swedish, Russian and Ukrainian in both
scripts, Turkish, Greek, Hungarian); no list of others was copied. Only forms that are usual are here, because a rare one
that is also a name of its own would say that strangers are alike.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import cache

__all__ = ["forms_of", "nicknames"]

_FORMS = """
abigail: abby abbie gail
abraham: abe bram
adelaide: addie heidi
albert: al bert bertie
alexander: alex alec alek sandy xander lex sascha sasha sander alejandro
alexandra: alex sandra lexi lexie sandy sascha sasha alessandra
alfred: alf alfie fred freddie
alice: ali allie
alison: ali allie
amanda: mandy
andrew: andy drew
angela: angie
ann: annie nan nancy
anthony: tony ant
antonia: toni
archibald: archie
arnold: arnie
arthur: art artie
augustus: gus
barbara: barb babs barbie
bartholomew: bart
benedict: ben
benjamin: ben benny benji
bernard: bernie
beatrice: bea trixie
bradley: brad
bridget: biddy
caroline: carrie caro
cassandra: cass cassie
catherine: cathy cath kate katie kathy kitty cat
charles: charlie chuck chas chaz
charlotte: lottie charlie lotte
christian: chris
christina: chris chrissy tina christy
christine: chris chrissy tina christy
christopher: chris kit topher
clifford: cliff
constance: connie
cynthia: cindy
daniel: dan danny
danielle: dani
david: dave davy davey
deborah: deb debbie debby
dennis: denny
dominic: dom nick
donald: don donnie
dorothy: dot dottie dolly
douglas: doug
edmund: ed eddie ted
edward: ed eddie ned ted teddy
eleanor: ellie nell nellie nora lena
elizabeth: liz lizzie beth betty betsy bess eliza libby liza lisa elsie
emily: em emmy millie
emma: em emmy
ernest: ernie
eugene: gene
evelyn: evie
florence: flo florrie
frances: fran fanny frankie
francis: frank frankie fran
franklin: frank
frederick: fred freddie freddy
gabriel: gabe
gabrielle: gabby
geoffrey: geoff jeff
george: georgie
gerald: gerry jerry
gerard: gerry jerry
gertrude: gertie trudy
gilbert: gil bert
gordon: gordy
gregory: greg
gwendolyn: gwen
harold: harry hal
harriet: hattie harry
helen: nell nellie
henry: harry hank hal
herbert: herb bert
howard: howie
irene: rene
isaac: ike zac
isabel: bella izzy belle
isabella: bella izzy belle
jacob: jake
jacqueline: jackie
james: jim jimmy jamie jem
jane: janie jenny
janet: jan
jennifer: jen jenny jenn
jeremy: jerry jem
jessica: jess jessie
joan: joanie
joanna: jo joey
joanne: jo
john: jack johnny jon
jonathan: jon jonny nathan
joseph: joe joey jo
josephine: jo josie
joshua: josh
judith: judy
julia: julie
julian: jules
katherine: kate katie kathy kath kitty kat kay
kathleen: kath kathy kate katie
kathryn: kate katie kathy kath
kenneth: ken kenny
kimberly: kim
laura: laurie
laurence: larry laurie
lawrence: larry laurie
leonard: len lenny leo
leopold: leo
lillian: lil lily
lewis: lew
louis: lou
louise: lou
lucille: lucy
lucinda: lucy cindy
madeline: maddie
madeleine: maddie
magdalena: maggie lena magda
margaret: maggie meg peggy madge marge margie greta rita daisy
marjorie: marge margie
martha: mattie
martin: marty
mary: molly polly mamie may
matilda: tilly mattie
matthew: matt matty
maximilian: max
maxwell: max
melanie: mel
melissa: mel missy lissa
michael: mike mick micky mickey
michelle: shelly
mildred: millie
miranda: mandy
mitchell: mitch
mohammed: mo muhammad mohamed mohammad muhammed
muhammad: mo mohammed mohamed mohammad muhammed
nathaniel: nat nathan nate
nicholas: nick nicky nico
nicola: nicky nikki
nicole: nicky nikki
oliver: ollie
olivia: liv livvy
oscar: ossie
pamela: pam
patricia: pat patty patsy trish tricia
patrick: pat paddy
penelope: penny
peter: pete
philip: phil pip
phillip: phil pip
philippa: pippa pip
priscilla: cilla
rachel: rach
ralph: ralphie
raymond: ray
rebecca: becky becca
reginald: reg reggie
richard: rick ricky dick richie rich
robert: bob bobby rob robbie bert
roberta: bobbie
roderick: rod roddy
rodney: rod
roger: rodge
roland: rolly
ronald: ron ronnie
rosalind: ros
rosemary: rose rosie
rosamund: ros
rudolf: rudy rudi
rupert: rupe
russell: russ
samantha: sam sammy
samuel: sam sammy
sarah: sally sadie
sebastian: seb basti bastian
sidney: sid
simon: si
stanley: stan
stephanie: steph stevie
stephen: steve stevie
steven: steve stevie
stewart: stew
stuart: stu
susan: sue susie suzie
susannah: sue susie suzie
sylvester: sly
teresa: terry tess tessa
terence: terry
theodore: theo ted teddy
theresa: terry tess tessa
thomas: tom tommy
timothy: tim timmy
tobias: toby tobi
valerie: val
vanessa: nessa
veronica: ronnie vera
victor: vic
victoria: vicky vicki tori
vincent: vince vinny
virginia: ginny
walter: walt wally
wilfred: wilf
wilhelmina: mina minnie
william: bill billy will willie willy liam
winifred: winnie
winston: winnie
zachary: zac zach zack

andreas: andi andy
annegret: anne
anneliese: anne liesel
benedikt: ben
bernhard: bernd
brigitte: gitte gitti
christoph: chris
dieter: didi
dorothea: doro thea
elisabeth: lisa liesl lisbeth elli sissi elsbeth bettina lisl
ferdinand: ferdi
franziska: franzi
friederike: rike
friedrich: fritz
gabriele: gabi
georg: schorsch
gerhard: gerd
gottfried: friedel
guenther: guenni
hannelore: hanne lore
heinrich: heinz heiner
hildegard: hilde
ingeborg: inge
johann: hans hannes
johanna: hanna hanne
johannes: hans hannes jan
joachim: jochen achim
jakob: jockel
jurgen: jurg
karl: kalle
karl-heinz: kalle heinz
katharina: kathi kati katja trine
klaus: klausi
konrad: conny kurt
leonhard: leo
ludwig: lutz wiggerl
magdalene: lena leni
manfred: manni fred
margarete: grete gretel gretchen greta
margarethe: grete gretel gretchen greta
maria: mia mimi
matthias: matze hias
maximiliane: maxi
michaela: michi
nikolaus: niko klaus
reinhard: reini
reinhold: reini
rosemarie: rosi
sabine: bine
siegfried: siggi
stefan: steffen
stefanie: steffi
stephan: steffen
susanne: susi sanne
sybille: bille
theodor: theo
therese: resi
thomas: tommi
ulrich: uli
ulrike: uli rike
ursula: ulla uschi
veronika: vroni
waltraud: traudl
wilhelm: willi willy
wolfgang: wolf wolfi

adriaan: ad adri
antonius: ton toon
cornelis: cees kees cor
cornelia: cor corrie nel
franciscus: frans
gerardus: gerard ger
gijsbert: gijs
hendrik: henk
hendrika: riek
jacobus: jaap koos
jacoba: coba
johannes: jan johan hans joop
johanna: jo annie
josephus: jos sjef
laurentius: laurens
leendert: leen
maarten: maart
matthijs: thijs
nicolaas: klaas nico
petronella: nel
petrus: piet peter
pieter: piet
theodorus: theo dorus
wilhelmus: wim willem
willem: wim pim

alexandre: alex
anne-marie: annie
benoit: ben
catherine: cathy kate
christophe: chris
daniele: dany
dominique: dom
emmanuel: manu
frederic: fred
genevieve: ginette
guillaume: guigui
jacques: jacquot
jean-baptiste: jb
jean-francois: jf
jeanne: jeannette
joseph: jo
laurent: lolo
madeleine: mado
marguerite: margot
maxime: max
mathieu: mat
nathalie: nath
nicolas: nico
philippe: phil
sebastien: seb
stephane: steph
therese: tete
thibault: thib
valerie: val
veronique: vero
vincent: vince

alberto: beto
alfonso: poncho
antonio: tono toni
carmen: menchu
concepcion: concha conchita
consuelo: chelo
dolores: lola
eduardo: edu lalo
enrique: quique kike
ernesto: neto
federico: fede
fernando: fer nando
francisco: paco pancho fran curro quico
francisca: paca paqui
gabriela: gaby
gonzalo: gonza
graciela: chela
guadalupe: lupe lupita
guillermo: guille memo
gustavo: gus tavo
ignacio: nacho
isabel: isa chabela
jesus: chus chucho
joaquin: quino
jorge: coque
jose: pepe
josefa: pepa
josefina: pepa
juan: juanito
lorenzo: loren
luis: lucho
manuel: manolo manu
maria-teresa: maite
mercedes: merche
miguel: migue
montserrat: montse
pilar: pili
rafael: rafa
ramon: moncho
roberto: beto
rosario: charo
salvador: salva
santiago: santi
sergio: checo
soledad: sole
vicente: chente

antonia: toninha
catarina: cata
eduardo: dudu
fernanda: nanda
francisco: chico
gabriel: gabi
helena: lena
joao: joca
joaquim: quim
jose: ze
luis: lulu
rafaela: rafa

alessandro: sandro ale
alessandra: sandra ale
antonella: lella
antonio: tonino toni
caterina: rina
domenico: mimmo
elisabetta: betta
emanuele: lele
federica: fede
francesca: fra checca
francesco: franco cesco
gabriele: lele
gaetano: tano
giacomo: mino
giovanni: gianni vanni nino
giuseppe: beppe peppe pino
giuseppina: pina
leonardo: leo
lorenzo: renzo
luigi: gigi gino
margherita: rita
michele: lino
raffaele: lello
salvatore: totò tore turi
stefania: stefi
tommaso: maso
vincenzo: enzo

agnieszka: aga
aleksander: olek alek
aleksandra: ola
andrzej: jedrek
anna: ania anka
antoni: antek
barbara: basia
bartlomiej: bartek
bartosz: bartek
beata: beatka
dorota: dorotka
elzbieta: ela
ewa: ewka
filip: filipek
grzegorz: grzesiek grzes
henryk: heniek
jakub: kuba
jan: janek jasiek
jerzy: jurek
joanna: asia aska
jozef: jozek
kamil: kamilek
katarzyna: kasia kaska
krzysztof: krzysiek krzys
lukasz: luki
maciej: maciek
magdalena: magda
malgorzata: gosia malgosia
maria: marysia
mateusz: mati
michal: michalek
mikolaj: miki
natalia: natalka
pawel: pawelek
piotr: piotrek
stanislaw: staszek stas
stanislav: standa stana
tadeusz: tadek
teresa: tereska
tomasz: tomek
wladyslaw: wladek
wojciech: wojtek
zbigniew: zbyszek
zofia: zosia

bartłomiej: bartek
małgorzata: gosia małgosia
michał: michałek misiek
mikołaj: miki
paweł: pawełek
stanisław: staszek stas
władysław: władek
łukasz: łuki

antonin: tonda
frantisek: franta
jan: honza
jaroslav: jarda
josef: pepa pepik
jiri: jirka
ladislav: lada
miroslav: mirek
vaclav: vasek
vladimir: vlada
zdenek: zdenda

birgitta: gittan
charlotta: lotta
gustaf: gosta
gunilla: nilla
kristina: stina kicki
lars: lasse
margareta: greta
nils: nisse
per: pelle
anders: adde
bengt: benke
bjorn: nalle
jan: janne

aleksandr: sasha sacha shura sanya
aleksandra: sasha shura
aleksei: alyosha lyosha
alexei: alyosha lyosha
anastasia: nastya
anastasiya: nastya
anna: anya
boris: borya
daria: dasha
dmitri: dima mitya
dmitry: dima mitya
ekaterina: katya
elena: lena
evgeny: zhenya
evgeniya: zhenya
galina: galya
grigory: grisha
irina: ira
ivan: vanya
konstantin: kostya
larisa: lara
lyudmila: lyuda
maria: masha
maxim: max
mikhail: misha
natalia: natasha
natalya: natasha
nikolai: kolya
oksana: ksyusha
olga: olya
pavel: pasha
pyotr: petya
polina: polya
roman: roma
sergei: seryozha
sergey: seryozha
sofia: sonya
stanislav: stas
svetlana: sveta
tatiana: tanya
tatyana: tanya
valentina: valya
vasily: vasya
viktor: vitya
viktoria: vika
vladimir: volodya vova
vladislav: vlad
vyacheslav: slava
yaroslav: slava
yuri: yura
oleksandr: sashko sasha
volodymyr: volodya vova
mykola: kolya
petro: petryk

александр: саша шура саня
александра: саша шура
алексей: лёша алёша
анастасия: настя
анна: аня
борис: боря
владимир: володя вова
виктор: витя
виктория: вика
галина: галя
григорий: гриша
дарья: даша
дмитрий: дима митя
евгений: женя
евгения: женя
екатерина: катя
елена: лена
иван: ваня
ирина: ира
константин: костя
людмила: люда
мария: маша
михаил: миша
наталья: наташа
николай: коля
ольга: оля
павел: паша
пётр: петя
роман: рома
светлана: света
сергей: серёжа
софья: соня
татьяна: таня
юрий: юра
олександр: сашко саша
володимир: володя вова


mustafa: musti
ibrahim: ibo
suleyman: sulo

dimitrios: dimitris mimis
georgios: giorgos
ioannis: giannis
konstantinos: kostas
nikolaos: nikos
panagiotis: takis panos
aikaterini: katerina
eleni: lena
vasileios: vasilis

erzsebet: erzsi bozsi
ferenc: feri
gyorgy: gyuri
istvan: pista
janos: jancsi
jozsef: jozsi
katalin: kati
laszlo: laci
margit: manci
sandor: sanyi
zsuzsanna: zsuzsi
"""


def _plain(name: str) -> str:
    """As names are compared: small letters without accents."""
    parts = unicodedata.normalize("NFKD", name.casefold())
    return "".join(char for char in parts if not unicodedata.combining(char))


@cache
def nicknames() -> Mapping[str, tuple[str, ...]]:
    """First name in small letters without accents → the names that it may stand for, itself among them where others are
    forms of it."""
    found: dict[str, set[str]] = {}
    for line in _FORMS.splitlines():
        whole, _, short = _plain(line).partition(":")
        whole = whole.replace("-", " ")
        for name in (whole, *short.split()) if short else ():
            found.setdefault(name, set()).add(whole)
    return {name: tuple(sorted(wholes)) for name, wholes in found.items()}


def forms_of(name: str) -> tuple[str, ...]:
    """The names that a first name may stand for; none where it has no other form."""
    return nicknames().get(name, ())
