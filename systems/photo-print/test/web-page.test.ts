import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { catalogue } from '../orders/catalogue.ts';
import { makePicture } from '../pictures/picture.ts';
// A pure function of the printing service: the page must cut photos as the press does.
import { layOutSheet } from '../printing/sheet-layout.ts';
import {
  choosePhoto,
  downloadedBy,
  expectFocus,
  fileInput,
  goTo,
  heading,
  jpegFile,
  noChromium,
  type PageBrowser,
  payWith,
  photograph,
  startPageBrowser,
  tabTo,
} from './fixtures/page-browser.ts';
import { type PhotoPrint, password, profile, startPhotoPrint } from './fixtures/photo-print.ts';

describe('the page in Chromium', { skip: noChromium }, () => {
  let photoPrint: PhotoPrint;
  let browser: PageBrowser;
  const cleanUps: (() => unknown)[] = [];
  before(async () => {
    const suite = { after: (cleanUp: () => unknown) => void cleanUps.unshift(cleanUp) };
    photoPrint = await startPhotoPrint(suite);
    browser = await startPageBrowser(suite, photoPrint.system.publicUrl ?? '');
  });
  after(async () => {
    for (const cleanUp of cleanUps) await cleanUp();
  });

  test('a photo becomes a mug on its way, with sheet and label to take away', async (t) => {
    const page = await browser.open(t);
    await page.getByRole('link', { name: 'Create account' }).click();
    await page.getByLabel('Name').fill(profile.name);
    await page.getByLabel('E-mail address').fill(`page-${Date.now()}@example.org`);
    await page.getByLabel('Password').fill(password);
    await page.getByLabel('Street and number').fill(profile.address.street);
    await page.getByLabel('Postal code').fill(profile.address.postalCode);
    await page.getByLabel('Town').fill(profile.address.city);
    await page.getByLabel('Country').selectOption({ label: 'Netherlands' });
    await page.getByLabel('Phone').fill(profile.phone);
    await page.getByRole('button', { name: 'Create my account' }).click();

    await choosePhoto(page, 'beach.jpg', await photograph());
    await page.getByRole('radio', { name: 'Mug' }).check();
    await page.getByRole('img', { name: 'Preview: your photo on mug, Standard.' }).waitFor();
    await page.getByRole('button', { name: 'One more' }).click();
    await page.getByText('€25.98').waitFor();
    await page.getByRole('link', { name: 'Continue' }).click();
    await page.getByText(profile.address.street).waitFor();
    await page.getByRole('button', { name: 'Order and pay' }).click();

    await heading(page, 'Thank you!').waitFor();
    await page.getByText(/^LB\d{9}NL$/).waitFor();
    const steps = page.getByRole('region', { name: 'Progress' }).getByRole('listitem');
    assert.deepEqual(
      (await steps.allInnerTexts()).map((text) => text.split('\n')[0]),
      ['Placed', 'Paid', 'Printing', 'Printed', 'On its way'],
    );
    assert.equal(await page.getByRole('region', { name: 'Progress' }).locator('time').count(), 5);
    for (const paper of ['Print sheet', 'Parcel label']) {
      const bytes = await downloadedBy(page, () => page.getByRole('button', { name: paper }).click());
      assert.equal(bytes.toString('latin1', 0, 5), '%PDF-', paper);
    }
  });

  test('a declined payment is told, and the photo can be paid for in another way', async (t) => {
    const customer = await photoPrint.customer();
    const page = await browser.checkOut(t, customer);
    await payWith(page, "This phone's wallet", 'tok_declined');
    await page.getByRole('alert').getByText('there is not enough money on it').waitFor();
    await page.getByRole('link', { name: 'Pay another way' }).click();
    await payWith(page, 'A new card', 'tok_ok');
    await page.getByText('Tracking number').waitFor();
    const { orders } = (await customer.send('GET', '/print-orders')).json;
    assert.equal(orders.length, 2);
    assert.equal(orders[0].photoId, orders[1].photoId);
  });

  test('an order is cancelled while its payment hangs', async (t) => {
    const customer = await photoPrint.customer();
    const page = await browser.checkOut(t, customer);
    await payWith(page, "This phone's wallet", 'tok_hang');
    await page.getByRole('button', { name: 'Cancel this order' }).click();
    await page.getByRole('button', { name: 'Cancel the order' }).click();
    await page.locator('.timeline').getByText('This order is cancelled and will not be printed.').waitFor();
    assert.equal((await customer.send('GET', '/print-orders')).json.orders[0].status, 'cancelled');
  });

  test('a double tap and a lost answer order once', async (t) => {
    const customer = await photoPrint.customer();
    const page = await browser.checkOut(t, customer);
    let lost = 0;
    await page.route('**/print-orders', async (route) => {
      if (route.request().method() !== 'POST' || lost > 0) return route.continue();
      lost += 1;
      await route.fetch();
      await route.abort('connectionreset');
    });
    await page.getByRole('button', { name: 'Order and pay' }).dblclick();
    await heading(page, 'Thank you!').waitFor();
    assert.equal(lost, 1);
    assert.equal((await customer.send('GET', '/print-orders')).json.orders.length, 1);
  });

  test('an expired session asks for the password and goes on with what was asked for', async (t) => {
    const customer = await photoPrint.customer();
    const page = await browser.openAs(t, customer);
    const json = { title: 'Expired', status: 401, code: 'unauthenticated', reason: 'expired_token' };
    await page.route('**/print-orders?**', (route) => route.fulfill({ status: 401, json }), { times: 1 });
    await page.getByRole('link', { name: 'Orders' }).click();
    const dialog = page.getByRole('dialog', { name: 'Sign in again to go on' });
    await dialog.getByLabel('Password').fill('not the password');
    await page.keyboard.press('Enter');
    await dialog.getByText('do not belong together').waitFor();
    await dialog.getByLabel('Password').fill(password);
    await page.keyboard.press('Enter');
    await page.getByText('Nothing yet.').waitFor();
  });

  test('an answer of 503 is asked for again by itself', async (t) => {
    const page = await browser.openAs(t, await photoPrint.customer());
    let answers = 0;
    await page.route('**/print-orders?**', async (route) => {
      answers += 1;
      await (answers === 1 ? route.fulfill({ status: 503, body: 'busy' }) : route.continue());
    });
    await page.getByRole('link', { name: 'Orders' }).click();
    await page.getByText('Nothing yet.').waitFor();
    assert.equal(answers, 2);
  });

  test('a small photo disables the sizes that it is too small for, and says why', async (t) => {
    const page = await browser.openAs(t, await photoPrint.customer());
    const small = await makePicture({ seed: 'small', width: 900, height: 1200 });
    await choosePhoto(page, 'small.jpg', small);
    assert.equal(await page.getByRole('radio', { name: '10 × 15 cm' }).isEnabled(), true);
    assert.equal(await page.getByRole('radio', { name: '20 × 30 cm' }).isDisabled(), true);
    await page.getByText('Needs 1,182 × 1,772 pixels; yours has 900 × 1,200 pixels.').waitFor();
  });

  test('what is no photo is refused in a sentence, and an upload can be cancelled', async (t) => {
    const customer = await photoPrint.customer();
    const page = await browser.openAs(t, customer);
    await fileInput(page).setInputFiles(jpegFile('fake.jpg', Buffer.from('This is no photo.')));
    await page.getByText('This file is not a photo we can read.').waitFor();

    // Nothing arrives, so that there is time to change one's mind.
    await page.route('**/photos', () => undefined);
    await fileInput(page).setInputFiles(jpegFile('slow.jpg', await photograph()));
    await page.getByRole('progressbar', { name: 'Sending your photo' }).waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('Choose a photo', { exact: true }).waitFor();
    assert.deepEqual((await customer.send('GET', '/photos')).json.photos, []);
  });

  test('photos come in from Instagram', async (t) => {
    const page = await browser.openAs(t, await photoPrint.customer());
    await page.getByRole('link', { name: 'Import from Instagram' }).click();
    await page.getByLabel('Instagram account').fill('nobody.here');
    await page.getByRole('button', { name: 'Import photos' }).click();
    await page.getByText('There is no Instagram account with this name.').waitFor();
    await page.getByLabel('Instagram account').fill('@north.sea');
    await page.getByRole('button', { name: 'Import photos' }).click();
    await page.getByRole('link', { name: 'Print your photo' }).first().click();
    await heading(page, 'How shall it look?').waitFor();
  });

  test('the whole way can be gone with the keyboard alone', async (t) => {
    const page = await browser.open(t);
    const { keyboard } = page;
    const photo = jpegFile('keys.jpg', await photograph());
    // Long before it is needed: a key press is faster than the browser takes notice that somebody listens.
    page.on('filechooser', (chooser) => void chooser.setFiles(photo));
    await tabTo(page, page.getByRole('link', { name: 'Create account' }));
    await keyboard.press('Enter');
    await expectFocus(page, heading(page, 'Create an account'));
    const entries: [label: string, text: string][] = [
      ['Name', profile.name],
      ['E-mail address', `keys-${Date.now()}@example.org`],
      ['Password', password],
      ['Street and number', profile.address.street],
      ['Postal code', profile.address.postalCode],
      ['Town', profile.address.city],
      ['Country', 'Netherlands'],
      ['Phone', profile.phone],
    ];
    for (const [label, text] of entries) {
      await tabTo(page, page.getByLabel(label));
      await keyboard.type(text);
    }
    await keyboard.press('Enter');
    await expectFocus(page, heading(page, 'What shall we print?'));

    await tabTo(page, fileInput(page));
    await keyboard.press('Enter');
    await expectFocus(page, heading(page, 'How shall it look?'));
    await tabTo(page, page.getByRole('radio', { name: 'Photo paper' }));
    await keyboard.press('ArrowRight');
    await tabTo(page, page.getByRole('link', { name: 'Continue' }));
    await keyboard.press('Enter');
    await expectFocus(page, heading(page, 'Almost yours'));
    await tabTo(page, page.getByRole('button', { name: 'Order and pay' }));
    await keyboard.press('Enter');
    await expectFocus(page, heading(page, 'Thank you!'));
    await page.getByText('Tracking number').waitFor();
    await tabTo(page, page.getByRole('button', { name: 'Print sheet' }));
    const sheet = await downloadedBy(page, () => keyboard.press('Enter'));
    assert.equal(sheet.toString('latin1', 0, 5), '%PDF-');
  });

  test('axe finds nothing in any view, light or dark', async (t) => {
    const customer = await photoPrint.customer();
    const page = await browser.open(t);
    await browser.expectNothingFromAxe(page, 'welcome');
    for (const view of ['/sign-in', '/sign-up', '/nowhere']) {
      await goTo(page, view);
      await browser.expectNothingFromAxe(page, view);
    }
    await goTo(page, '/sign-up');
    await page.getByRole('button', { name: 'Create my account' }).click();
    await browser.expectNothingFromAxe(page, 'sign-up with mistakes');

    const signedIn = await browser.checkOut(t, customer, { width: 900, height: 1200 });
    await browser.expectNothingFromAxe(signedIn, 'checkout');
    await signedIn.getByRole('button', { name: 'Change' }).click();
    await browser.expectNothingFromAxe(signedIn, 'checkout with address');
    await payWith(signedIn, "This phone's wallet", 'tok_hang');
    await signedIn.getByRole('button', { name: 'Cancel this order' }).click();
    await browser.expectNothingFromAxe(signedIn, 'the question before cancelling');
    await signedIn.getByRole('button', { name: 'Keep it' }).click();
    await signedIn.getByText('Tracking number').waitFor();
    await browser.expectNothingFromAxe(signedIn, 'order on its way');

    const declined = (await customer.order({ payment: { method: 'wallet', walletToken: 'tok_declined' } }))
      .json;
    await customer.until(declined.orderId, 'payment-declined');
    const { photoId } = declined;
    for (const [view, sign] of [
      [`/orders/${declined.orderId}`, 'Pay another way'],
      ['/orders', 'Payment declined'],
      ['/orders/none', 'Your order'],
      ['/photos', 'Import from Instagram'],
      [`/photos/${photoId}/print`, 'Continue'],
      ['/account', 'Add the card'],
      ['/photos/import', 'Import photos'],
    ] as const) {
      await goTo(signedIn, view);
      await signedIn.getByText(sign).first().waitFor();
      await browser.expectNothingFromAxe(signedIn, view);
    }
  });
});

test('the page cuts every photo as the press does', async () => {
  const { planPrint } = await import(new URL('../web/crop.js', import.meta.url).href);
  const areas = catalogue.flatMap(({ sizes }) => sizes.map(({ printableArea }) => printableArea));
  const side = fc.integer({ min: 200, max: 12_000 });
  fc.assert(
    fc.property(fc.constantFrom(...areas), side, side, (area, width, height) => {
      const plan = planPrint(area, { width, height });
      const { crop, dpi, trim, bleed } = layOutSheet(area, { width, height });
      const perPoint = crop.width / bleed.width;
      assert.equal(plan.dpi, dpi);
      assert.ok(Math.abs(plan.kept.left - crop.left - (trim.x - bleed.x) * perPoint) < 0.01);
      assert.ok(Math.abs(plan.kept.width - trim.width * perPoint) < 0.01);
      assert.ok(Math.abs(plan.kept.height - trim.height * perPoint) < 0.01);
    }),
  );
});
