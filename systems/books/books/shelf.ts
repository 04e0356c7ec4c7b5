export const shelf = {
  books: [
    { isbn: '12345', title: 'Foo' },
    { isbn: '67890', title: 'Bar' },
  ],
};
