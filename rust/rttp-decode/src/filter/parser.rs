//! Tokens to a tree of checks, by recursive descent.

use super::error::{nearest, shown};
use super::lexer::{Spanned, Token, tokens};
use super::tree::{Check, Comparison, Node};
use super::values::{Field, Given, Operator};
use super::{Column, FilterError, MAX_DEPTH, MAX_SET, MAX_TEXT, values};

const KEYWORDS: [&str; 7] = ["and", "or", "not", "in", "contains", "has", "present"];
const END: Spanned<'static> = Spanned { token: Token::End, at: 0, length: 1 };

/// The checks that a text asks for.
pub(super) fn parse(text: &str, columns: &[Column]) -> Result<Node, FilterError> {
    if text.chars().nth(MAX_TEXT).is_some() {
        return Err(FilterError::new(MAX_TEXT, 1, format!("the filter is longer than {MAX_TEXT} characters")));
    }
    let mut parser = Parser { tokens: tokens(text), next: 0, columns };
    if parser.peek().token == Token::End {
        return Err(FilterError::new(0, 1, "the filter is empty").hint("such as `priority >= 192`"));
    }
    let node = parser.any(0)?;
    if parser.peek().token != Token::End {
        return Err(parser.unexpected("`and`, `or` or the end"));
    }
    Ok(node)
}

struct Parser<'a> {
    tokens: Vec<Spanned<'a>>,
    next: usize,
    columns: &'a [Column],
}

impl<'a> Parser<'a> {
    fn any(&mut self, depth: usize) -> Result<Node, FilterError> {
        let mut nodes = vec![self.all(depth)?];
        while self.take_word("or") || self.take("||") {
            nodes.push(self.all(depth)?);
        }
        Ok(Node::joined(nodes, Node::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Node, FilterError> {
        let mut nodes = vec![self.one(depth)?];
        while self.take_word("and") || self.take("&&") {
            nodes.push(self.one(depth)?);
        }
        Ok(Node::joined(nodes, Node::All))
    }

    fn one(&mut self, depth: usize) -> Result<Node, FilterError> {
        let start = self.peek().clone();
        let not = self.take_word("not") || self.take("!");
        if !not && !self.take("(") {
            return self.test();
        }
        if depth == MAX_DEPTH {
            return Err(FilterError::new(start.at, start.length, format!("nested deeper than {MAX_DEPTH}")));
        }
        if not {
            return Ok(Node::Not(Box::new(self.one(depth + 1)?)));
        }
        let node = self.any(depth + 1)?;
        self.close(")", &start, "`and`, `or` or `)`")?;
        Ok(node)
    }

    fn test(&mut self) -> Result<Node, FilterError> {
        if self.is_word(0, "present") && self.peek_at(1).token == Token::Symbol("(") {
            self.next += 1;
            let open = self.peek().clone();
            self.next += 1;
            let field = self.field()?;
            self.close(")", &open, "`)`")?;
            return Ok(Node::Test { column: field.index, check: Check::Present });
        }
        let field = self.field()?;
        let start = self.peek().clone();
        let check = if let Some(comparison) = self.comparison() {
            self.comparison_of(&field, comparison, &start)?
        } else if self.take_word("in") {
            field.allow(Operator::In, &start)?;
            let items = self.set(&field)?;
            values::one_of(&field, items)?
        } else if self.take_word("contains") {
            field.allow(Operator::Contains, &start)?;
            let given = self.given(&field)?;
            values::part(&field, &given)?
        } else if self.take_word("has") {
            field.allow(Operator::Has, &start)?;
            let mask = self.bits(&field)?;
            Check::compared(Some(mask), Comparison::Equal, i128::from(mask))
        } else if self.take("&") {
            field.allow(Operator::Mask, &start)?;
            self.masked(&field)?
        } else if self.is_word(0, "not") {
            let message = format!("expected an operator after `{}`, found `not`", shown(field.column.name));
            return Err(FilterError::new(start.at, start.length, message).hint("`not` stands before the field"));
        } else {
            field.alone()
        };
        Ok(Node::Test { column: field.index, check })
    }

    fn comparison_of(
        &mut self,
        field: &Field,
        comparison: Comparison,
        operator: &Spanned<'_>,
    ) -> Result<Check, FilterError> {
        if !matches!(comparison, Comparison::Equal | Comparison::Unequal) {
            field.allow(Operator::Order, operator)?;
        }
        let given = self.given(field)?;
        if self.peek().token == Token::Symbol("..") {
            let dots = self.peek();
            return Err(FilterError::new(dots.at, dots.length, "a range cannot be compared").hint("`in` takes ranges"));
        }
        values::compared(field, comparison, &given, self.columns)
    }

    /// After `field &`.
    fn masked(&mut self, field: &Field) -> Result<Check, FilterError> {
        let mask = self.bits(field)?;
        match self.comparison() {
            None => Ok(Check::truthy(Some(mask))),
            Some(comparison) => Ok(Check::compared(Some(mask), comparison, i128::from(self.bits(field)?))),
        }
    }

    /// Bits joined by `|`.
    fn bits(&mut self, field: &Field) -> Result<u64, FilterError> {
        let given = self.given(field)?;
        u64::try_from(field.number(&given)?).map_err(|_| field.refuse(&given))
    }

    /// After `in`: a set in braces, or one member of such a set.
    fn set(&mut self, field: &Field) -> Result<Vec<(Given, Option<Given>)>, FilterError> {
        let open = self.peek().clone();
        if !self.take("{") {
            return Ok(vec![self.member(field)?]);
        }
        let mut members = vec![self.member(field)?];
        while self.take(",") {
            if members.len() == MAX_SET {
                let more = self.peek();
                let message = format!("a set of more than {MAX_SET} values");
                return Err(FilterError::new(more.at, more.length, message));
            }
            members.push(self.member(field)?);
        }
        self.close("}", &open, "`,` or `}`")?;
        Ok(members)
    }

    fn member(&mut self, field: &Field) -> Result<(Given, Option<Given>), FilterError> {
        let first = self.given(field)?;
        if first.prefix || !self.take("..") {
            return Ok((first, None));
        }
        Ok((first, Some(self.given(field)?)))
    }

    /// One value as it is written, not yet understood; for bits, several of them joined by `|`; for bytes, with what
    /// makes it a prefix.
    fn given(&mut self, field: &Field) -> Result<Given, FilterError> {
        let start = self.peek().clone();
        let (text, quoted) = match &start.token {
            Token::Word(word) if !is_keyword(word) => ((*word).to_owned(), false),
            Token::Quoted(text) => (text.clone(), true),
            _ => return Err(self.unexpected("a value")),
        };
        self.next += 1;
        let mut given = Given { text, quoted, prefix: false, at: start.at, length: start.length, more: Vec::new() };
        if field.has_bits() {
            while self.take("|") {
                let start = self.peek().clone();
                let Token::Word(word) = start.token else { return Err(self.unexpected("a value")) };
                self.next += 1;
                given.more.push(Given::word(word, start.at, start.length));
            }
        }
        if field.has_prefixes() && self.peek().token == Token::Symbol("..") && !self.is_value(1) {
            given.prefix = true;
            given.length = self.peek().at + self.peek().length - given.at;
            self.next += 1;
        }
        Ok(given)
    }

    fn field(&mut self) -> Result<Field, FilterError> {
        let Spanned { token, at, length } = self.peek().clone();
        let Token::Word(word) = token else { return Err(self.unexpected("a field")) };
        if let Some((index, column)) = self.columns.iter().enumerate().find(|(_, column)| column.name == word) {
            self.next += 1;
            return Ok(Field { index, column: *column });
        }
        if is_keyword(word) {
            return Err(self.unexpected("a field"));
        }
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(self.unexpected("a field").hint("the field stands on the left, its value on the right"));
        }
        let error = FilterError::new(at, length, format!("`{}` is no field", shown(word)));
        Err(match nearest(word, self.columns.iter().map(|column| column.name)) {
            Some(name) => error.hint(format!("did you mean `{name}`?")),
            None => error,
        })
    }

    fn comparison(&mut self) -> Option<Comparison> {
        let Token::Symbol(symbol) = self.peek().token else { return None };
        let comparison = match symbol {
            "==" | "=" => Comparison::Equal,
            "!=" => Comparison::Unequal,
            "<" => Comparison::Less,
            "<=" => Comparison::AtMost,
            ">" => Comparison::Greater,
            ">=" => Comparison::AtLeast,
            _ => return None,
        };
        self.next += 1;
        Some(comparison)
    }

    fn close(&mut self, bracket: &'static str, open: &Spanned<'_>, expected: &str) -> Result<(), FilterError> {
        if self.take(bracket) {
            return Ok(());
        }
        Err(self.unexpected(expected).hint(format!("`{bracket}` closes the bracket at character {}", open.at)))
    }

    /// The complaint about the next token.
    fn unexpected(&self, expected: &str) -> FilterError {
        let Spanned { token, at, length } = self.peek();
        let found = match token {
            Token::Word(word) => format!("`{}`", shown(word)),
            Token::Quoted(_) => "a text in quotes".to_owned(),
            Token::Unclosed => return FilterError::new(*at, *length, "the text in quotes has no end"),
            Token::Symbol(symbol) => format!("`{symbol}`"),
            Token::Strange(c) => {
                return FilterError::new(*at, *length, format!("`{}` has no meaning here", shown(&c.to_string())));
            }
            Token::End => "the end".to_owned(),
        };
        let error = FilterError::new(*at, *length, format!("expected {expected}, found {found}"));
        match token {
            Token::Word(word) if is_keyword(word) && expected == "a value" => {
                error.hint("a keyword that is meant as a text stands in quotes")
            }
            _ => error,
        }
    }

    fn peek(&self) -> &Spanned<'a> {
        self.peek_at(0)
    }

    /// The last token, which is the end, stands for all that would come after it.
    fn peek_at(&self, ahead: usize) -> &Spanned<'a> {
        self.tokens.get(self.next + ahead).or(self.tokens.last()).unwrap_or(&END)
    }

    fn is_value(&self, ahead: usize) -> bool {
        match &self.peek_at(ahead).token {
            Token::Word(word) => !is_keyword(word),
            Token::Quoted(_) => true,
            _ => false,
        }
    }

    fn is_word(&self, ahead: usize, keyword: &str) -> bool {
        matches!(self.peek_at(ahead).token, Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn take_word(&mut self, keyword: &str) -> bool {
        let found = self.is_word(0, keyword);
        self.next += usize::from(found);
        found
    }

    fn take(&mut self, symbol: &'static str) -> bool {
        let found = self.peek().token == Token::Symbol(symbol);
        self.next += usize::from(found);
        found
    }
}

fn is_keyword(word: &str) -> bool {
    KEYWORDS.iter().any(|keyword| word.eq_ignore_ascii_case(keyword))
}
