import { PDFDocument, type PDFFont, type PDFPage, StandardFonts } from 'pdf-lib';
import type { Recipient } from '../vocabulary/address.ts';
import { encodeCode128, quietZoneModules } from './code128.ts';
import { latinText } from './latin-text.ts';

/** A6, in points. */
const page = { width: (105 / 25.4) * 72, height: (148 / 25.4) * 72 };
const margin = 24;
const countryNames = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'code' });

export interface Parcel {
  readonly recipient: Recipient;
  readonly trackingNumber: string;
  readonly despatchedAt: Date;
}

/** The label of a parcel: A6, sender, recipient, and the tracking number to read and to scan. */
export async function renderLabel({ recipient, trackingNumber, despatchedAt }: Parcel): Promise<Uint8Array> {
  const document = await PDFDocument.create();
  document.setTitle(`Parcel ${trackingNumber}`);
  document.setProducer('photo-print');
  document.setCreationDate(despatchedAt);
  document.setModificationDate(despatchedAt);
  const regular = await document.embedFont(StandardFonts.Helvetica);
  const bold = await document.embedFont(StandardFonts.HelveticaBold);
  const sheet = document.addPage([page.width, page.height]);

  drawFitted(sheet, 'Photo Print, Postbus 1, 1000 AA Amsterdam, Netherlands', {
    font: regular,
    size: 8,
    y: page.height - margin - 8,
  });
  let y = page.height - 110;
  for (const [index, line] of addressLines(recipient).entries()) {
    drawFitted(sheet, line, { font: index === 0 ? bold : regular, size: 14, y });
    y -= 20;
  }
  drawBarcode(sheet, trackingNumber, { y: 60, height: 70 });
  drawFitted(sheet, trackingNumber, { font: bold, size: 12, y: 40 });
  return document.save();
}

/** In the order that the post wants: name, street, place, country in capitals. */
export function addressLines(recipient: Recipient): string[] {
  const { name, street, street2, postalCode, city, region, country } = recipient;
  const place = [`${postalCode} ${city}`, region].filter((part) => part !== undefined).join(', ');
  return [name, street, street2, place, countryNames.of(country)?.toUpperCase()].filter(
    (line) => line !== undefined,
  );
}

/** Writes one line, smaller if it would not fit the width. */
function drawFitted(sheet: PDFPage, text: string, at: { font: PDFFont; size: number; y: number }): void {
  const { font, y } = at;
  const printable = latinText(text, font.getCharacterSet());
  const room = page.width - 2 * margin;
  const size = Math.min(at.size, (at.size * room) / font.widthOfTextAtSize(printable, at.size));
  sheet.drawText(printable, { x: margin, y, size, font });
}

function drawBarcode(sheet: PDFPage, text: string, at: { y: number; height: number }): void {
  const widths = encodeCode128(text);
  const modules = widths.reduce((sum, width) => sum + width, 0) + 2 * quietZoneModules;
  const module = page.width / modules;
  let x = quietZoneModules * module;
  for (const [index, width] of widths.entries()) {
    if (index % 2 === 0) sheet.drawRectangle({ x, ...at, width: width * module });
    x += width * module;
  }
}
