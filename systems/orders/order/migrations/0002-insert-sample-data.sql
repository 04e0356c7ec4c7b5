-- A migration runs once in the life of a database, so the samples do not multiply with each start.
insert into customers (name, firstname, email, street, zip, city) values
  ('Wolff', 'Eberhard', 'eberhard.wolff@example.org', 'Krischerstrasse 100', '40789', 'Monheim am Rhein'),
  ('Johnson', 'Rod', 'rod@example.org', 'Market Street 1', '94105', 'San Francisco');

insert into items (name, amount, currency, weight_grams, width_mm, height_mm, depth_mm) values
  ('iPod', 4200, 'EUR', 140, 62, 104, 11),
  ('iPod touch', 2100, 'EUR', 88, 59, 123, 6),
  ('iPod nano', 100, 'EUR', 31, 40, 77, 5),
  ('Apple TV', 10000, 'EUR', 425, 98, 98, 35);
