// One box that chooses all the pictures shown, or none. `element` is the component.
element.addEventListener('change', event => {
  if (event.target.dataset.part !== 'all') return;
  for (const box of element.querySelectorAll('input[name=picture]')) box.checked = event.target.checked;
});
