/** Past forms that do not end in `ed`; forms that are more often something else (`Cost`, `Run`, `Bid`) are left out. */
const irregular = new Set(
  `arisen arose awoken began begun bent bitten bled blew blown bore borne bought bound bred broke broken brought built burnt burst came
  cast caught chose chosen clung crept cut dealt did done drank drawn drew driven drove drunk dug eaten fallen fed fell felt fled flew flown
  forbidden forgiven forgotten fought found froze frozen gave given gone got gotten grew grown heard held hid hidden hit hung hurt kept knew
  known laid lain learnt led left lent lit lost made meant met paid proven put quit ran read ridden risen rose said sang sank saw seen sent set
  sewn shaken shone shot showed shown shrunk shut slept slid sold sought spent spilt split spoke spoken spread sprung stole stolen stood stuck
  sung sunk swept swore sworn swum swung taken taught thought threw thrown told took tore torn understood went woken won wore worn wound
  wove woven written wrote`.split(/\s+/),
);

/** Words that end in `ed` and yet are no past form. */
const notPast = new Set(
  'bed breed creed deed embed exceed feed greed heed hundred indeed kindred naked need proceed red sacred seed shed sled speed succeed weed wicked'.split(
    ' ',
  ),
);

const prefix = /^(?:fore|mis|out|over|pre|re|un|under|up|with)(?=[a-z]{3})/;

/** What is done to rows; in the business something else happened. */
const ofStorage = new Set(['inserted', 'updated', 'upserted', 'deleted', 'persisted']);
/** Says nothing about what happened. */
const empty = new Set(['event', 'entity', 'dto', 'data']);

/**
 * Why `name` is no good name for an event, in words for its author; undefined if it is one. A good name is in PascalCase, in the past tense, and says what
 * happened in the business: `OrderPlaced`, `ParcelSent`, `TicketPickedUp`. With `anyName` every name in PascalCase is.
 */
export function eventNameIssue(name: string, anyName = false): string | undefined {
  if (!/^[A-Z][A-Za-z0-9]*$/.test(name)) {
    return "name it in PascalCase, as something that has happened, such as 'PaymentCaptured'.";
  }
  if (anyName) return undefined;
  const words = (name.match(/[A-Z]+(?![a-z])|[A-Z][a-z]*|\d+/g) ?? []).map((word) => word.toLowerCase());
  const last = words.at(-1) ?? '';
  if (empty.has(last))
    return `leave '${last}' out of the name: it says nothing about what happened. ${unless}`;
  const stored = words.find((word) => ofStorage.has(word));
  if (stored !== undefined) {
    return `'${stored}' is what happens to rows; say what happened in the business, such as 'OrderRevised'. ${unless}`;
  }
  if (words.some(isPast)) return undefined;
  return `name it in the past tense, as something that has happened, such as 'PaymentCaptured'. ${unless}`;
}

const unless = "If the name is right all the same, say 'anyName: true'.";

function isPast(word: string): boolean {
  if (word.length > 3 && word.endsWith('ed') && !notPast.has(word)) return true;
  return irregular.has(word) || irregular.has(word.replace(prefix, ''));
}
