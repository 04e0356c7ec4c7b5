const weights = [8, 6, 4, 2, 3, 5, 9, 7];

/**
 * A tracking number in the form of the Universal Postal Union (standard S10): service, serial number with check digit, country.
 * @param serial 0–99,999,999
 */
export function trackingNumber(serial: number): string {
  if (!Number.isInteger(serial) || serial < 0 || serial > 99_999_999) {
    throw new RangeError(`There is no tracking number for serial ${serial}.`);
  }
  const digits = String(serial).padStart(8, '0');
  return `LB${digits}${checkDigit(digits)}NL`;
}

function checkDigit(digits: string): number {
  const sum = weights.reduce((total, weight, index) => total + weight * Number(digits.charAt(index)), 0);
  const check = 11 - (sum % 11);
  if (check === 10) return 0;
  return check === 11 ? 5 : check;
}
