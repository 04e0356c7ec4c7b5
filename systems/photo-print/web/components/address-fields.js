import { countries, countryName, likelyCountry } from '../countries.js';
import { element } from '../dom.js';
import { createField } from './field.js';

/**
 * @typedef {object} Address
 * @property {string} street
 * @property {string} [street2]
 * @property {string} postalCode
 * @property {string} city
 * @property {string} [region]
 * @property {string} country ISO 3166-1 alpha-2
 */
/** @typedef {Address & { name: string }} Recipient */

/**
 * Fields for an address.
 * @param {{ pointer: string, section: 'shipping' | 'home', address?: Partial<Address> | undefined }} options `pointer` of the
 *   address in the request
 */
export function createAddressFields({ pointer, section, address = {} }) {
  const prefix = section === 'shipping' ? 'shipping ' : '';
  /** @param {keyof Address} name @param {string} label @param {Record<string, unknown>} input */
  const field = (name, label, { optional = false, ...input }) =>
    createField({
      label,
      optional: Boolean(optional),
      pointer: `${pointer}/${name}`,
      input: { ...input, autocomplete: `${prefix}${input.autocomplete}`, value: address[name] ?? '' },
    });

  const street = field('street', 'Street and number', { autocomplete: 'address-line1', maxlength: 120 });
  const street2 = field('street2', 'Flat, building', {
    autocomplete: 'address-line2',
    maxlength: 120,
    optional: true,
  });
  const postalCode = field('postalCode', 'Postal code', { autocomplete: 'postal-code', maxlength: 16 });
  const city = field('city', 'Town', { autocomplete: 'address-level2', maxlength: 80 });
  const region = field('region', 'State or province', {
    autocomplete: 'address-level1',
    maxlength: 80,
    optional: true,
  });
  const country = createField({
    label: 'Country',
    pointer: `${pointer}/country`,
    choices: [
      { value: '', text: 'Choose …' },
      ...countries().map(({ code, name }) => ({ value: code, text: name })),
    ],
    input: { autocomplete: `${prefix}country` },
  });
  country.input.value = address.country ?? likelyCountry();

  return {
    fields: [street, street2, postalCode, city, region, country],
    elements: [
      street.element,
      street2.element,
      element('div', { class: 'form-row', 'data-shape': 'code-city' }, postalCode.element, city.element),
      element('div', { class: 'form-row' }, region.element, country.element),
    ],
    /** @returns {Address} */
    get value() {
      return {
        street: street.value,
        ...(street2.value === '' ? {} : { street2: street2.value }),
        postalCode: postalCode.value,
        city: city.value,
        ...(region.value === '' ? {} : { region: region.value }),
        country: country.value,
      };
    },
  };
}

/** An address as written on a parcel. @param {Recipient} recipient */
export function addressLines({ name, street, street2, postalCode, city, region, country }) {
  return element(
    'address',
    { class: 'address' },
    [name, street, street2, `${postalCode} ${city}`, region, countryName(country)]
      .filter((line) => line !== undefined)
      .map((line) => element('span', {}, line)),
  );
}
