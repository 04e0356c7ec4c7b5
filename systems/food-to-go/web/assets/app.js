import { startConsumerDesk } from './consumer-desk.js';
import { startCourierDesk } from './courier-desk.js';
import { findRestaurant, startRestaurantDesk } from './restaurant-desk.js';

const everyMs = 500;

const deskOf = (/** @type {string} */ id) =>
  /** @type {HTMLElement} */ (document.querySelector(`#${id} .desk`));

/** Looks again and again, also after the services did not answer for a while. @param {HTMLElement} desk @param {() => Promise<void>} look */
async function keepLooking(desk, look) {
  for (;;) {
    const isStale = await look().then(
      () => false,
      () => true,
    );
    desk.classList.toggle('stale', isStale);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

const [consumer, restaurant, courier] = [deskOf('consumer'), deskOf('restaurant'), deskOf('courier')];
void keepLooking(consumer, startConsumerDesk(consumer, findRestaurant));
void keepLooking(restaurant, startRestaurantDesk(restaurant));
void keepLooking(courier, startCourierDesk(courier));
