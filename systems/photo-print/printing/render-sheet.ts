import { PDFDocument, type PDFPage, rgb, StandardFonts } from 'pdf-lib';
import sharp from 'sharp';
import type { Job } from './contract.ts';
import { layOutSheet, pointsOf, type SheetLayout } from './sheet-layout.ts';

/** The print-ready sheet of a job: one page (print it `job.quantity` times) with the photo at its true size. */
export async function renderSheet(photo: Buffer, job: Job, printedAt: Date): Promise<Uint8Array> {
  const { autoOrient } = await sharp(photo).metadata();
  const layout = layOutSheet(job.printableArea, autoOrient);

  const document = await PDFDocument.create();
  document.setTitle(`Order ${job.orderId}`);
  document.setProducer('photo-print');
  document.setCreationDate(printedAt);
  document.setModificationDate(printedAt);

  const { page: size, trim, bleed } = layout;
  const page = document.addPage([size.width, size.height]);
  page.setTrimBox(trim.x, trim.y, trim.width, trim.height);
  page.setBleedBox(bleed.x, bleed.y, bleed.width, bleed.height);
  page.drawImage(await document.embedJpg(await printableImage(photo, layout)), bleed);
  drawCropMarks(page, layout);
  page.drawText(`${job.orderId}   ${job.product} ${job.size}   x ${job.quantity}   ${layout.dpi} dpi`, {
    x: trim.x + pointsOf(2),
    y: pointsOf(3),
    size: 6,
    font: await document.embedFont(StandardFonts.Helvetica),
  });
  return document.save();
}

/** The cropped photo as a JPEG in sRGB without transparency, which every press understands. */
async function printableImage(photo: Buffer, { crop, image }: SheetLayout): Promise<Buffer> {
  return sharp(photo, { failOn: 'error' })
    .autoOrient()
    .extract(crop)
    .resize(image.width, image.height, { fit: 'fill' })
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .jpeg({ quality: 92, chromaSubsampling: '4:4:4' })
    .toBuffer();
}

/** Two lines at each corner that point along the cut and stop before the bleed. */
function drawCropMarks(page: PDFPage, { trim }: SheetLayout): void {
  const near = pointsOf(4);
  const far = pointsOf(9);
  for (const [x, outwardX] of [
    [trim.x, -1],
    [trim.x + trim.width, 1],
  ] as const) {
    for (const [y, outwardY] of [
      [trim.y, -1],
      [trim.y + trim.height, 1],
    ] as const) {
      const line = { thickness: 0.25, color: rgb(0, 0, 0) };
      page.drawLine({
        ...line,
        start: { x: x + outwardX * near, y },
        end: { x: x + outwardX * far, y },
      });
      page.drawLine({
        ...line,
        start: { x, y: y + outwardY * near },
        end: { x, y: y + outwardY * far },
      });
    }
  }
}
