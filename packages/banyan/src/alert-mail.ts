import { invalid } from './invalid-setting.ts';

/** Where mails about alerts are sent through, and to whom. */
export interface AlertMail {
  readonly url: string;
  readonly from: string;
  readonly to: readonly string[];
}

const address = /^[^\s@<>()[\],;:"\\]+@[^\s@<>()[\],;:"\\]+$/;

/** @throws ServiceError `failed_precondition` `invalid_configuration` */
export function parseAlertMail(given: (name: string) => string | undefined): AlertMail | undefined {
  const url = given('BANYAN_ALERT_MAIL');
  const from = given('BANYAN_ALERT_MAIL_FROM');
  const to = given('BANYAN_ALERT_MAIL_TO')
    ?.split(',')
    .map((each) => each.trim());
  if (url === undefined && from === undefined && to === undefined) return undefined;
  if (url === undefined || from === undefined || to === undefined)
    throw invalid(
      'BANYAN_ALERT_MAIL, BANYAN_ALERT_MAIL_FROM and BANYAN_ALERT_MAIL_TO belong together: set all, or none.',
    );
  if (!/^smtps?:$/.test(URL.parse(url)?.protocol ?? ''))
    throw invalid(
      'BANYAN_ALERT_MAIL must be an smtp or smtps URL, such as smtp://user:password@mail.example.com:587.',
    );
  for (const each of [from, ...to])
    if (!address.test(each))
      throw invalid(`'${each}' in BANYAN_ALERT_MAIL_FROM or BANYAN_ALERT_MAIL_TO is no mail address.`);
  return { url, from, to };
}
