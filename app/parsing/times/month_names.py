"""Names of months, short and long, in languages of Western Europe."""

# English, German, French, Spanish, Italian, Portuguese, Dutch; each name means one month only.
_NAMES = (
    "jan january januar janv janvier ene enero gen gennaio janeiro januari jänner",
    "feb february februar févr fév février fevrier febrero febbraio fev fevereiro februari",
    "mar march mär märz maerz mrz mars marzo março marco mrt maart",
    "apr april avr avril abr abril aprile",
    "may mai mayo mag maggio maio mei",
    "jun june juni juin junio giu giugno junho",
    "jul july juli juil juillet julio lug luglio julho",
    "aug august août aout ago agosto augustus",
    "sep sept september septembre septiembre set settembre setembro",
    "oct october okt oktober octobre octubre ott ottobre out outubro",
    "nov november novembre noviembre novembro",
    "dec december dez dezember déc décembre decembre dic diciembre dicembre dezembro",
)
MONTHS = {name: number for number, names in enumerate(_NAMES, 1) for name in names.split()}
