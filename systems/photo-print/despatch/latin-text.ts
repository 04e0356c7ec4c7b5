/** Letters that no decomposition takes apart. */
const plainLetters: Readonly<Record<string, string>> = {
  Ł: 'L',
  ł: 'l',
  Đ: 'D',
  đ: 'd',
  Ħ: 'H',
  ħ: 'h',
  ı: 'i',
  Ŧ: 'T',
  ŧ: 't',
  Ŋ: 'N',
  ŋ: 'n',
};

/**
 * The text in characters that a font has: as it is where possible, else without accents, else a question mark. Addresses abroad
 * are written in Latin letters (UPU Convention regulations), so little is lost.
 */
export function latinText(text: string, characterSet: readonly number[]): string {
  const known = new Set(characterSet);
  const has = (letters: string) => [...letters].every((letter) => known.has(letter.codePointAt(0) ?? 0));
  return [...text.normalize('NFC')]
    .map((letter) => {
      if (has(letter)) return letter;
      const plain = plainLetters[letter] ?? letter.normalize('NFKD').replace(/\p{M}/gu, '');
      return plain !== '' && has(plain) ? plain : '?';
    })
    .join('');
}
