// Before gradio's own scripts: the browser answers in the language of the page, and what gradio names in English only
// gets its name in it: `names` is {English: name}, `texts` {what it tells: the same}, `formats` what it says of a file of
// another kind than it takes.
({ code, names, texts, formats }) => {
  Object.defineProperty(navigator, 'language', { get: () => code });
  Object.defineProperty(navigator, 'languages', { get: () => [code] });
  document.documentElement.lang = code;
  const attributes = ['aria-label', 'title', 'placeholder'], named = attributes.map(one => `[${one}]`).join();
  const name = node => {
    for (const one of attributes) {
      const found = names[node.getAttribute(one)];
      if (found) node.setAttribute(one, found);
    }
  };
  const say = text => {
    const told = texts[text.data.trim()];
    if (told) text.data = told;
    const found = formats && /^Invalid file types?: (.*)\. Only (.*) allowed\.$/s.exec(text.data.trim());
    if (found) text.data = formats.replace('{files}', () => found[1]).replace('{formats}', () => found[2]);
  };
  new MutationObserver(changes => {
    for (const { type, target, addedNodes } of changes) {
      if (type === 'attributes') name(target);
      if (type === 'characterData') say(target);
      for (const node of addedNodes) {
        if (node.nodeType === 1) [node, ...node.querySelectorAll(named)].forEach(name);
        const texts = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
        do if (texts.currentNode.nodeType === 3) say(texts.currentNode); while (texts.nextNode());
      }
    }
  }).observe(document, { subtree: true, childList: true, characterData: true, attributeFilter: attributes });
}
